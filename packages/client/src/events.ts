import { EventEmitter } from 'eventemitter3'
import type { BrokerAddress, KafkaError } from './errors.ts'
import type { Logger } from './logger.ts'

/** What `kafka.on(…)` tells. Events only notify: nothing waits for a listener, and none of them is an error to handle. */
export interface ClientEventMap {
  /** A connection is open and authenticated. */
  connected: (event: { broker: BrokerAddress; purpose: string }) => void
  /** An open connection ended; without `error` in order. */
  disconnected: (event: { broker: BrokerAddress; purpose: string; error: KafkaError | undefined }) => void
  /** A connection could not be opened; the next attempt follows after `backoffMs`. */
  connectFailed: (event: { broker: BrokerAddress; purpose: string; error: KafkaError; backoffMs: number }) => void
  /** The broker asked to slow down (KIP-219). */
  throttled: (event: { broker: BrokerAddress; api: string; throttleMs: number }) => void
  /** Metadata was refreshed. */
  metadata: (event: { clusterId: string | null; brokers: number; topics: number }) => void
  /** No known broker answered: the bootstrap list was asked again (KIP-899, KIP-1102). */
  rebootstrapped: (event: { brokers: number }) => void
  closed: () => void
}

export type ClientEvents = EventEmitter<ClientEventMap>

export function createEvents(): ClientEvents {
  return new EventEmitter<ClientEventMap>()
}

/** Tells the listeners; what one of them throws is logged, and harms neither the others' work nor the client's. */
export function notify<E extends keyof ClientEventMap>(
  { events, logger }: { readonly events: ClientEvents; readonly logger: Logger },
  event: E,
  ...details: Parameters<ClientEventMap[E]>
): void {
  try {
    events.emit(event, ...(details as Parameters<EventEmitter.EventListener<ClientEventMap, E>>))
  } catch (error) {
    logger.error(`a listener of '${event}' threw`, { error })
  }
}

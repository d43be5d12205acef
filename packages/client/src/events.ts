import { EventEmitter } from 'eventemitter3'
import type { BrokerAddress, KafkaError } from './errors.ts'
import { errorFields, type Logger } from './logger.ts'
import { handledResult } from './runtime/deferred.ts'

/**
 * The events of `kafka.on(…)`. They are notifications: no part of the client waits for a listener, and none requires handling.
 * `purpose` says what a connection is for: 'general', or `<kind>:<owner>` where it belongs to one producer or consumer: 'produce:…',
 * 'fetch:…', 'late-fetch:…', 'coordinator:…', 'heartbeat:…', 'offsets:…'.
 */
export interface ClientEventMap {
  /** A connection is open and authenticated. */
  connected: (event: { broker: BrokerAddress; purpose: string }) => void
  /** An open connection ended. `error` is undefined where the client closed it, or the broker while it was idle. */
  disconnected: (event: { broker: BrokerAddress; purpose: string; error: KafkaError | undefined }) => void
  /** A connection could not be opened; the next attempt follows after `backoffMs`. */
  connectFailed: (event: { broker: BrokerAddress; purpose: string; error: KafkaError; backoffMs: number }) => void
  /** The broker throttles the client (KIP-219): requests on this connection wait for `throttleMs`. */
  throttled: (event: { broker: BrokerAddress; api: string; throttleMs: number }) => void
  /** Metadata was refreshed. */
  metadata: (event: { clusterId: string | null; brokers: number; topics: number }) => void
  /** No known broker responded: the client connected by its bootstrap addresses again (KIP-899, KIP-1102). */
  rebootstrapped: (event: { brokers: number }) => void
  closed: () => void
}

export type ClientEvents = EventEmitter<ClientEventMap>

export function createEvents(): ClientEvents {
  return new EventEmitter<ClientEventMap>()
}

/** Emits an event. An exception of a listener is logged, and affects neither the client nor the caller. */
export function notify<E extends keyof ClientEventMap>(
  { events, logger }: { readonly events: ClientEvents; readonly logger: Logger },
  event: E,
  ...details: Parameters<ClientEventMap[E]>
): void {
  for (const listener of events.listeners(event)) callListener(listener, details, { event, logger })
}

/** Calls a listener of the application. What it throws, or rejects with if it is asynchronous, is logged. */
export function callListener(
  listener: unknown,
  details: readonly unknown[],
  { event, logger }: { readonly event: string; readonly logger: Logger },
): void {
  const failed = (error: unknown) => logger.error('an event listener threw', { event, ...errorFields(error) })
  try {
    handledResult((listener as (...all: readonly unknown[]) => unknown)(...details), failed)
  } catch (error) {
    failed(error)
  }
}

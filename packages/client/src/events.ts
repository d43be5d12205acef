import type { Emitter } from './emitter.ts'
import type { BrokerAddress, KafkaError } from './errors.ts'

export interface ConnectionEvent {
  readonly broker: BrokerAddress
  /** 'general', or `<kind>:<owner>` of the producer or consumer that owns the connection. */
  readonly purpose: string
}

export interface DisconnectedEvent extends ConnectionEvent {
  /** Undefined where the client closed it, or the broker while it was idle. */
  readonly error: KafkaError | undefined
}

export interface ConnectFailedEvent extends ConnectionEvent {
  readonly error: KafkaError
  /** When the next attempt follows. */
  readonly backoffMs: number
}

export interface ThrottledEvent {
  readonly broker: BrokerAddress
  /** Of the request in whose response the broker said so. */
  readonly api: string
  readonly throttleMs: number
}

export interface MetadataEvent {
  readonly clusterId: string | null
  /** How many brokers it lists. */
  readonly brokers: number
  /** How many topics are cached. */
  readonly topics: number
}

export interface RebootstrappedEvent {
  /** How many brokers the new metadata lists. */
  readonly brokers: number
}

/**
 * The events of `kafka.on(…)`. They are notifications: no part of the client waits for a listener, and none requires handling.
 * The kinds of connections are 'produce', 'fetch', 'late-fetch', 'coordinator', 'heartbeat', 'offsets' and
 * 'share-fetch'.
 */
export interface ClientEventMap {
  /** A connection is open and authenticated. */
  connected: (event: ConnectionEvent) => void
  /** An open connection ended. */
  disconnected: (event: DisconnectedEvent) => void
  /** A connection could not be opened. */
  connectFailed: (event: ConnectFailedEvent) => void
  /** The broker throttles the client (KIP-219): requests on this connection wait for `throttleMs`. */
  throttled: (event: ThrottledEvent) => void
  /** Metadata was refreshed. */
  metadata: (event: MetadataEvent) => void
  /** No known broker responded: the client connected by its bootstrap addresses again (KIP-899, KIP-1102). */
  rebootstrapped: (event: RebootstrappedEvent) => void
  closed: () => void
}

export type ClientEvents = Emitter<ClientEventMap>

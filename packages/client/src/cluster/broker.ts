import type { Api, Decoded, Encodable } from '@ottla/codec'
import type { BrokerAddress } from '../errors.ts'

/**
 * Each purpose has a connection of its own, opened on demand: a request that the broker holds must not block the others. 'general'
 * is shared by the whole client; `<kind>:<owner>` belongs to one part of it, which closes it (`OwnConnections`).
 */
export type ConnectionPurpose = 'general' | `${string}:${string}`

export interface RequestOptions {
  /** Default 'general'. */
  readonly purpose?: ConnectionPurpose | undefined
  /** From the call to the response, connecting included. Default `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** The versions that the caller supports, where fewer than the codec's. */
  readonly minVersion?: number | undefined
  readonly maxVersion?: number | undefined
  /** The request is written: its buffers may change once the response has arrived too. Not called if the socket closes first. */
  readonly onFlushed?: (() => void) | undefined
  /** The connection is closed when it has had no response for this long. Default: the client's `requestTimeoutMs`. */
  readonly silentMs?: number | undefined
}

/** The body of a request, or a function of the negotiated version, called for each attempt to write it. */
export type RequestBody<A extends Api> = Encodable<A['request']> | ((version: number) => Encodable<A['request']>)

/** A node of the cluster. The object of an id stays the same when the node moves to another address. */
export interface Broker extends BrokerAddress {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  /**
   * Sends a request in the highest version that both sides support. Error codes in the response are data. Rejects with a
   * KafkaError: CONNECTION_FAILED (nothing sent), CONNECTION_LOST and REQUEST_TIMED_OUT (`outcome` reports whether the broker may
   * have acted), UNSUPPORTED_VERSION, ABORTED, CLOSED.
   */
  request<A extends Api>(api: A, body: RequestBody<A>, options?: RequestOptions): Promise<Decoded<A['response']>>
  /** A request without a response (Produce with acks=0): resolves when its bytes are written. */
  fireAndForget<A extends Api>(api: A, body: RequestBody<A>, options?: RequestOptions): Promise<void>
  /** The version that `request` would use; connects if needed. Rejects with UNSUPPORTED_VERSION when there is none. */
  versionOf(api: Api, options?: RequestOptions): Promise<number>
  /** The same without waiting: undefined before the first connection. */
  knownVersionOf(api: Api, options?: Pick<RequestOptions, 'minVersion' | 'maxVersion'>): number | undefined
  /** A feature's finalized level (KIP-584), such as 'transaction.version'; 0 when the cluster has none. */
  featureLevel(name: string): number
  /** Closes the connection of a purpose; its pending requests reject with CONNECTION_LOST. */
  closeConnection(purpose: ConnectionPurpose): void
}

import type { Api, Decoded, Encodable } from '@ottla/codec'
import type { BrokerAddress } from '../errors.ts'

/** A socket each, opened lazily: what may wait long at the broker must not hold up the rest. */
export type Connection = 'general' | 'produce' | `fetch:${string}` | `coordinator:${string}`

export interface RequestOptions {
  /** Default 'general'. */
  readonly purpose?: Connection | undefined
  /** From the call to the answer, connecting included. Default `requestTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** The versions the caller can handle, where fewer than the codec's. */
  readonly minVersion?: number | undefined
  readonly maxVersion?: number | undefined
  /** The request's bytes have left: its buffers may change once it is answered too. Not called if the socket closes first. */
  readonly onFlushed?: (() => void) | undefined
}

/** The body of a request, or what makes it once the version is negotiated (called again for each attempt to write it). */
export type RequestBody<A extends Api> = Encodable<A['request']> | ((version: number) => Encodable<A['request']>)

/** A node of the cluster. The object stays the same for an id, also when the node moves to another address. */
export interface Broker extends BrokerAddress {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  /**
   * Sends a request in the highest version both sides speak. Error codes inside the answer are data. Rejects with a
   * KafkaError: CONNECTION_FAILED (nothing sent), CONNECTION_LOST and REQUEST_TIMED_OUT (`outcome` says whether the broker
   * may have acted), UNSUPPORTED_VERSION, ABORTED, CLOSED.
   */
  request<A extends Api>(api: A, body: RequestBody<A>, options?: RequestOptions): Promise<Decoded<A['response']>>
  /** A request that the broker does not answer (Produce with acks=0): resolves when its bytes have left. */
  fireAndForget<A extends Api>(api: A, body: RequestBody<A>, options?: RequestOptions): Promise<void>
  /** The version `request` would use; connects if needed. Rejects with UNSUPPORTED_VERSION when there is none. */
  versionOf(api: Api, options?: RequestOptions): Promise<number>
  /** The same without waiting: undefined while no connection has been made. */
  knownVersionOf(api: Api, options?: Pick<RequestOptions, 'minVersion' | 'maxVersion'>): number | undefined
  /** A feature's finalized level (KIP-584), such as 'transaction.version'; 0 when the cluster has none. */
  featureLevel(name: string): number
  /** Closes the lane's socket; its pending requests reject with CONNECTION_LOST. */
  closeConnection(purpose: Connection): void
}

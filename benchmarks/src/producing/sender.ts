import type { Line } from '../measured.ts'

/** What a producer connects to, and how it sends. */
export interface SenderOptions {
  readonly brokers: readonly string[]
  readonly compression: 'none' | 'lz4'
  /** Bounds what it buffers, where a client has such a bound. Default: the client's. */
  readonly maxBufferedBytes?: number
}

/** Sends what was prepared for it, and resolves when all of it is acknowledged by all in-sync replicas. */
export type Send = () => Promise<unknown>

/**
 * A producer to be measured. Records are prepared in the client's own form before the measurement, so that only sending counts.
 * What a client does not offer is absent.
 */
export interface Sender {
  /** All records in one call; of a transactional producer, in one transaction. */
  array(topic: string, lines: readonly Line[]): Send
  /** One record, where that is not an array of one. */
  readonly one?: (topic: string, line: Line) => Send
  /** Hands over records without a promise each; resolves when there is space for more. `flush` waits for all. */
  readonly enqueue?: (topic: string, lines: readonly Line[]) => Send
  readonly flush?: Send
  close(): Promise<unknown>
}

export interface Peer {
  /** The compressions that it offers without another package. */
  readonly compressions: readonly SenderOptions['compression'][]
  open(options: SenderOptions): Promise<Sender>
  /** Present if it has transactions. */
  readonly openTransactional?: (options: SenderOptions, transactionalId: string) => Promise<Sender>
}

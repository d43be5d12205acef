import type { RecordBatch } from '@ottla/codec/records'
import type { BatchOwner } from './fetched-batch.ts'
import type { Progress } from './progress.ts'
import type { UnreadableRange } from './unreadable-range.ts'

export interface BufferOwner extends BatchOwner {
  readonly progress: Progress
  /** Nothing is left to deliver before its limit. */
  readonly isAtEnd: boolean
}

/** What the buffers of all partitions share: the budget of bytes, decompression, and the queue for readers. */
export interface BufferHost<Owner extends BufferOwner> {
  /** Counts fetched bytes, or returns them (negative). */
  countFetched(owner: Owner, bytes: number): void
  /** Whether to keep bytes that were delivered, because their delivery may have to be repeated. They still count as fetched then. */
  keeps(owner: Owner, bytes: number): boolean
  discardKept(owner: Owner, bytes: number): void
  /** Returns decompressed bytes. */
  discharge(owner: Owner, bytes: number): void
  /** Checks the checksum. Throws for a damaged batch. */
  check(batch: RecordBatch): void
  /**
   * Decompresses a batch within the budget, which it charges with the result. 'later': there is no room; `advance` is called once
   * there is.
   */
  inflate(owner: Owner, batch: RecordBatch): Uint8Array | Promise<Uint8Array> | 'later'
  /** The partition has a batch to deliver. */
  ready(owner: Owner): void
  /** The position moved over what has no record to deliver, and the commit may follow. */
  skipped(owner: Owner): void
  /** The position reached the limit. */
  ended(owner: Owner): void
  /** What follows cannot be read. Called when everything before was delivered. Without a range it is not known how much it is. */
  unreadable(owner: Owner, cause: unknown, range: UnreadableRange | undefined): void
}

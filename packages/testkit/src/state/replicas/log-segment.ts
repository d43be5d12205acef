import type { TransactionalPart } from './log-transactions.ts'
import type { SequencedBatch } from './producer-states.ts'

/** A record batch in a log. Replicas share it: nothing of it changes after the leader appended it. */
export interface StoredBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  readonly maxTimestamp: number
  readonly bytes: Uint8Array
  /** Given for a batch of an idempotent producer. */
  readonly sequenced: SequencedBatch | undefined
  /** Given for a batch of a transaction, and for its end. */
  readonly transactional?: TransactionalPart | undefined
}

/** A stretch of a log: the unit of rolling and retention. */
export class LogSegment {
  readonly baseOffset: number
  batches: StoredBatch[] = []
  #sizeInBytes = 0
  #maxTimestamp = -1

  constructor(baseOffset: number) {
    this.baseOffset = baseOffset
  }

  get sizeInBytes(): number {
    return this.#sizeInBytes
  }

  /** -1 when it is empty. */
  get maxTimestamp(): number {
    return this.#maxTimestamp
  }

  /** The batches are shared: they never change. */
  copy(): LogSegment {
    const copy = new LogSegment(this.baseOffset)
    // Element by element would be three times as slow.
    copy.batches = this.batches.slice()
    copy.#sizeInBytes = this.#sizeInBytes
    copy.#maxTimestamp = this.#maxTimestamp
    return copy
  }

  append(batch: StoredBatch): void {
    this.batches.push(batch)
    this.#sizeInBytes += batch.bytes.byteLength
    if (batch.maxTimestamp > this.#maxTimestamp) this.#maxTimestamp = batch.maxTimestamp
  }

  /** How much later a batch is than the first one here; 0 where times are not known. */
  agesBy(batch: StoredBatch): number {
    const first = this.batches[0]?.maxTimestamp ?? -1
    return first < 0 || batch.maxTimestamp < 0 ? 0 : batch.maxTimestamp - first
  }

  /** The position in `batches` of the first that ends at or after `offset`; their number when there is none. */
  indexOf(offset: number): number {
    let low = 0
    let high = this.batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.batches[middle] as StoredBatch).lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Drops all batches that reach `offset` or go beyond it. */
  truncateTo(offset: number): void {
    this.batches.length = this.indexOf(offset)
    this.#measure()
  }

  #measure(): void {
    this.#sizeInBytes = 0
    this.#maxTimestamp = -1
    for (const { bytes, maxTimestamp } of this.batches) {
      this.#sizeInBytes += bytes.byteLength
      if (maxTimestamp > this.#maxTimestamp) this.#maxTimestamp = maxTimestamp
    }
  }
}

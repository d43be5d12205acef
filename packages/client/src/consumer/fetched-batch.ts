import type { RecordBatch, RecordCursor } from '@ottla/codec/records'

/** What a batch needs of its partition: whether its records may still be delivered. */
export interface BatchOwner {
  readonly assignmentEpoch: number
  readonly halted: boolean
}

/** A decompressed record batch of a partition `C`, with the position up to which it was delivered. */
export class FetchedBatch<C extends BatchOwner> {
  readonly cursor: C
  readonly assignmentEpoch: number
  readonly batch: RecordBatch
  readonly baseOffset: number
  /** The offset after the batch; compaction may have removed its last records. */
  readonly end: number
  readonly leaderEpoch: number
  /** Base of the records' timestamp deltas; with `fixedTimestamp` all records have this timestamp. */
  readonly baseTimestamp: number
  readonly fixedTimestamp: boolean
  /** Bytes to release from the buffer when the batch is delivered. */
  readonly chargedBytes: number
  readonly #payload: Uint8Array | undefined
  #from: number
  records: RecordCursor

  constructor(cursor: C, batch: RecordBatch, payload: Uint8Array | undefined) {
    this.cursor = cursor
    this.assignmentEpoch = cursor.assignmentEpoch
    this.batch = batch
    this.baseOffset = Number(batch.baseOffset)
    this.end = this.baseOffset + batch.lastOffsetDelta + 1
    this.leaderEpoch = batch.partitionLeaderEpoch
    this.fixedTimestamp = batch.timestampType === 'append'
    this.baseTimestamp = this.fixedTimestamp ? batch.maxTimestamp : batch.baseTimestamp
    this.chargedBytes = payload?.length ?? 0
    this.#payload = payload
    this.#from = this.baseOffset
    this.records = batch.records(payload)
  }

  /** Whether its records may still be delivered. */
  get current(): boolean {
    return this.assignmentEpoch === this.cursor.assignmentEpoch && !this.cursor.halted
  }

  get firstOffset(): number {
    return Math.max(this.baseOffset, this.#from)
  }

  /** Moves `records` to the next record at or after the start position. Throws DecodeError. */
  next(): boolean {
    const { records } = this
    while (records.next()) if (this.baseOffset + records.offsetDelta >= this.#from) return true
    return false
  }

  get offset(): number {
    return this.baseOffset + this.records.offsetDelta
  }

  /** Restarts at the first record at or after `offset`. */
  rewind(offset: number): void {
    this.#from = offset
    this.records = this.batch.records(this.#payload)
  }

  /** A separate iteration from the position of `rewind`; the batch itself does not move. */
  walk(): { next(): boolean; readonly records: RecordCursor } {
    const records = this.batch.records(this.#payload)
    const from = this.#from
    const next = (): boolean => {
      while (records.next()) if (this.baseOffset + records.offsetDelta >= from) return true
      return false
    }
    return { next, records }
  }
}

import type { RecordBatch, RecordCursor } from '@ottla/codec/records'
import type { RecordDecoder } from '../decoding/record-decoder.ts'
import type { Era } from './era.ts'
import { type OffsetRange, OffsetRanges } from './offset-ranges.ts'

/** What a batch and its messages need of their partition. */
export interface BatchOwner {
  readonly topic: string
  readonly partition: number
  readonly era: Era
  /** Deliver nothing at the moment. */
  readonly halted: boolean
  readonly highWatermark: number
  /** Records from this offset on are not delivered; Infinity: there is no such limit. */
  readonly limit: number
  readonly signal: AbortSignal
  /** Undefined: the topic has no serdes, and its messages are bytes. */
  readonly decoder?: RecordDecoder | undefined
}

/** Which records of a batch are delivered: those from an offset to before `end`; with `only`, of these the ones in the set. */
export interface Selection {
  readonly from: number
  readonly end: number
  readonly only: OffsetRanges | undefined
}

/** A decompressed record batch of a partition, with the place up to which it was delivered. */
export class FetchedBatch<Owner extends BatchOwner = BatchOwner> {
  readonly owner: Owner
  readonly era: Era
  readonly decoder: RecordDecoder | undefined
  readonly batch: RecordBatch
  readonly baseOffset: number
  /** The offset after the batch, at most the limit of its partition; compaction may have removed its last records. */
  readonly end: number
  readonly leaderEpoch: number
  /** Base of the records' timestamp deltas; with `fixedTimestamp` all records have this timestamp. */
  readonly baseTimestamp: number
  readonly fixedTimestamp: boolean
  /** Decompressed bytes that count against the budget until the batch is delivered. */
  readonly chargedBytes: number
  readonly #payload: Uint8Array | undefined
  #from: number
  /** Where delivery as one item ends: at the end of the batch, or before a record that cannot be decoded. */
  #itemEnd: number
  /** The offsets of the item, where those of skipped records are left out. */
  #itemOffsets: OffsetRanges | undefined
  /** The offsets to deliver, where some of those after `#from` are processed already. */
  #only: OffsetRanges | undefined
  /** The offset after the last record that `records` has passed. */
  #at: number
  /** `next` returns the record at which it stopped once more: its delivery was taken back. */
  #again = false
  #records: RecordCursor

  constructor(owner: Owner, batch: RecordBatch, payload: Uint8Array | undefined) {
    this.owner = owner
    this.era = owner.era
    this.decoder = owner.decoder
    this.batch = batch
    this.baseOffset = Number(batch.baseOffset)
    this.end = Math.min(owner.limit, this.baseOffset + batch.lastOffsetDelta + 1)
    this.leaderEpoch = batch.partitionLeaderEpoch
    this.fixedTimestamp = batch.timestampType === 'append'
    this.baseTimestamp = this.fixedTimestamp ? batch.maxTimestamp : batch.baseTimestamp
    this.chargedBytes = payload?.length ?? 0
    // Serdes read from a Buffer, which would be created for each record otherwise.
    this.#payload = payload && Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    this.#from = this.baseOffset
    this.#itemEnd = this.end
    this.#at = this.baseOffset
    this.#records = batch.records(payload)
  }

  get signal(): AbortSignal {
    return this.owner.signal
  }

  /** What it takes in memory, without objects. */
  get sizeBytes(): number {
    return this.chargedBytes + this.batch.bytes.length
  }

  get ordered(): true {
    return true
  }

  /** Whether its records may be delivered now. */
  get current(): boolean {
    return this.era.ended === undefined && !this.owner.halted
  }

  /** Where delivery starts. */
  get firstOffset(): number {
    return Math.max(this.baseOffset, this.#from)
  }

  /** Where delivery as one item ends. */
  get itemEnd(): number {
    return this.#itemEnd
  }

  get selection(): Selection {
    return { from: this.firstOffset, end: this.#itemEnd, only: this.#only }
  }

  /**
   * Delivers only the records from `from` to before `end` as one item, without those at the offsets that `isSkipped` names; until
   * `continueAt`.
   */
  narrow(from: number, end: number, isSkipped: ((offset: number) => boolean) | undefined): void {
    this.#from = from
    this.#itemEnd = end
    this.#itemOffsets = isSkipped && this.#offsets(isSkipped)
  }

  /** The offsets to deliver, where these are not simply all from `firstOffset` on: parts are processed already, or have no record. */
  get deliverable(): Iterable<OffsetRange> | undefined {
    if (this.#itemOffsets !== undefined) return this.#itemOffsets
    const isPlain = this.batch.recordCount === this.end - this.baseOffset && this.#itemEnd === this.end
    return isPlain ? this.#only : this.#offsets(() => false)
  }

  #offsets(isSkipped: (offset: number) => boolean): OffsetRanges {
    const ranges = new OffsetRanges()
    const walk = this.walk()
    try {
      while (walk.next()) {
        const start = this.baseOffset + walk.records.offsetDelta
        if (!isSkipped(start)) ranges.add({ start, end: start + 1, epochBefore: -1, epoch: -1 })
      }
    } catch {
      // The records after the damaged one are not delivered either.
    }
    return ranges
  }

  /** The record at which `next` stopped. */
  get records(): RecordCursor {
    return this.#records
  }

  get offset(): number {
    return this.baseOffset + this.#records.offsetDelta
  }

  /** Moves `records` to the next record to deliver. Throws DecodeError. */
  next(): boolean {
    if (this.#again) {
      this.#again = false
      this.#at = this.offset + 1
      return true
    }
    const records = this.#records
    while (records.next()) {
      const offset = this.baseOffset + records.offsetDelta
      if (offset >= this.end) return false
      if (offset < this.#from || (this.#only !== undefined && !this.#only.has(offset))) continue
      this.#at = offset + 1
      return true
    }
    return false
  }

  /** Continues at `offset`, without reading the batch from its start where it is already there. */
  continueAt(offset: number, only: OffsetRanges | undefined): void {
    const from = Math.max(offset, this.baseOffset)
    const isSimple = only === undefined && this.#only === undefined
    const isThere = isSimple && from === this.#at
    const isLast =
      isSimple && !this.#again && from === this.#at - 1 && this.#at > this.baseOffset && this.offset === from
    this.#from = from
    this.#itemEnd = this.end
    this.#itemOffsets = undefined
    this.#only = only
    if (isLast) this.#again = true
    if (isThere || isLast) {
      this.#at = from
      return
    }
    this.#at = from
    this.#again = false
    this.#records = this.batch.records(this.#payload)
  }

  /** A separate iteration over the records to deliver; the batch itself does not move. */
  walk({ from, end, only }: Selection = this.selection): { next(): boolean; readonly records: RecordCursor } {
    const records = this.batch.records(this.#payload)
    const next = (): boolean => {
      while (records.next()) {
        const offset = this.baseOffset + records.offsetDelta
        if (offset >= end) return false
        if (offset >= from && (only === undefined || only.has(offset))) return true
      }
      return false
    }
    return { next, records }
  }
}

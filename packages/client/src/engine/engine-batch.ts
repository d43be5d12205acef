import { originAt } from '../consumer/item-place.ts'
import type { DeliveredBatch, Delivery } from '../consumer/reading/delivery.ts'
import type { HandOut } from '../consumer/reading/hand-out.ts'
import type { Marks } from '../consumer/reading/marks.ts'
import { describePartition, KafkaError } from '../errors.ts'
import { type Origin, originOf } from '../group/origin.ts'
import { type Lender, LentRecords, settledError } from './lent-records.ts'

/** Where the batches of an engine come from and go to. */
export interface BatchHost {
  readonly handOut: HandOut
  readonly marks: Marks
}

/**
 * Records of one partition, in the order of the log: several fetched record batches together. It is settled by the next `next()` of its
 * reader, by the end of the loop, or by `putBack`; until then nothing else of its partition is delivered, and its bytes are lent.
 */
export class EngineBatch {
  readonly topic: string
  readonly partition: number
  /** The first offset to process. */
  readonly firstOffset: number
  /** The last offset as written; compaction may have removed the record. */
  readonly lastOffset: number
  /** Number of records as written, including those before a position in the middle of a record batch. */
  readonly recordCount: number
  /** What it takes in memory. */
  readonly sizeBytes: number
  readonly #host: BatchHost
  readonly #delivery: Delivery
  readonly #lender: { -readonly [Key in keyof Lender]: Lender[Key] } & { readonly parts: readonly DeliveredBatch[] }

  /** Hands the parts, which follow each other, to the application. @internal */
  constructor(parts: readonly [DeliveredBatch, ...DeliveredBatch[]], delivery: Delivery, host: BatchHost) {
    const [first, ...others] = parts
    this.topic = first.owner.topic
    this.partition = first.owner.partition
    this.#host = host
    this.#delivery = delivery
    this.#lender = { parts, isSettled: false }
    this.firstOffset = first.firstOffset
    delivery.handBatch(first)
    for (const part of others) delivery.handMoreBatches(part)
    this.lastOffset = delivery.end - 1
    let recordCount = 0
    let sizeBytes = 0
    for (const part of parts) {
      recordCount += part.batch.recordCount
      sizeBytes += part.sizeBytes
    }
    this.recordCount = recordCount
    this.sizeBytes = sizeBytes
  }

  /** The high watermark as of the last fetch. */
  get highWatermark(): number {
    return Math.max(this.#first.owner.highWatermark, this.lastOffset + 1)
  }

  /** Aborts when the partition is revoked or removed, when processing exceeds `maxProcessingMs`, and on close. */
  get signal(): AbortSignal {
    return this.#first.owner.signal
  }

  /** Whether it may still be processed: false after a seek or a pause, and while the partition is revoked and after that. */
  get isCurrent(): boolean {
    return this.#first.current
  }

  /** Begins to iterate, at the first record. */
  records(): LentRecords {
    if (this.#lender.isSettled) throw settledError()
    return new LentRecords(this.#lender)
  }

  /** Calls `visit` with the same cursor for each record. */
  forEach(visit: (record: LentRecords) => void): void {
    const records = this.records()
    while (records.next()) visit(records)
  }

  /**
   * Marks what is before the offset as processed, or without one the whole batch. A next commit includes it. Throws INVALID_STATE when the
   * partition was revoked or repositioned meanwhile.
   */
  done(before: number | bigint = this.lastOffset + 1): void {
    const end = this.#checked(before, 'batch.done()')
    if (end > this.firstOffset) this.#host.marks.donePlace({ batch: this.#first, start: this.firstOffset, end })
  }

  /** Tells the watchdog that the batch is being processed: `maxProcessingMs` starts again. */
  progress(): void {
    if (!this.#lender.isSettled) this.#delivery.progress()
  }

  /**
   * Settles the batch: it is done with what is before the offset, as by `next()`, and the rest is delivered again from the same bytes,
   * without another fetch. Without an offset all of it that is not marked is delivered again.
   */
  putBack(from?: number | bigint): void {
    const offset = from === undefined ? this.firstOffset : this.#checked(from, 'batch.putBack()')
    this.#settle()
    const { handOut } = this.#host
    handOut.counted(this.#delivery.putBack(offset, handOut.mark))
    this.#release(offset)
  }

  /** The reader requests the next batch. @internal */
  finish(): void {
    if (this.#lender.isSettled) return
    this.#settle()
    const { handOut } = this.#host
    handOut.counted(this.#delivery.settle(handOut.mark))
    this.#release(this.lastOffset + 1)
  }

  /** The reader ends: what is not marked is delivered again. @internal */
  leave(): void {
    if (!this.#lender.isSettled) this.putBack()
  }

  /** For `transaction.sendOffsets`. */
  [originOf](): Origin {
    return originAt({ batch: this.#first, start: this.firstOffset, end: this.lastOffset + 1 })
  }

  get #first(): DeliveredBatch {
    return this.#lender.parts[0]!
  }

  #settle(): void {
    if (this.#lender.isSettled) throw settledError()
    this.#lender.isSettled = true
  }

  /** Parts before the offset are finished, the others go back, the last one first. */
  #release(offset: number): void {
    const { parts } = this.#lender
    const { handOut } = this.#host
    for (const part of parts) if (part.itemEnd <= offset) handOut.finish(part)
    for (const part of [...parts].reverse()) if (part.itemEnd > offset) handOut.putBack(part)
  }

  #checked(offset: number | bigint, caller: string): number {
    if (this.#lender.isSettled) throw settledError()
    const number = Number(offset)
    if (Number.isSafeInteger(number) && number >= this.firstOffset && number <= this.lastOffset + 1) return number
    const { topic, partition, firstOffset, lastOffset } = this
    const range = `the offsets ${firstOffset} to ${lastOffset}`
    const message = `Offset ${String(offset)} in ${caller} is not in the batch (${describePartition({ topic, partition })}), which has ${range}`
    throw new KafkaError('INVALID_ARGUMENT', message, { topic, partition })
  }
}

import type { ShareFetchResponse } from '@ottla/codec'
import { type CodecSet, type RecordBatch, RecordBatchReader } from '@ottla/codec/records'
import { decodeError } from '../consumer/decoding/decode-error.ts'
import { type AnyMessage, Message } from '../consumer/message.ts'
import { FetchedBatch } from '../consumer/partition/fetched-batch.ts'
import type { KafkaError } from '../errors.ts'
import { AcquiredRanges, type OffsetSpan } from './acquired-ranges.ts'
import type { HeldRecordData } from './held-record.ts'
import type { SharePartition } from './share-partition.ts'

export interface IntakeOptions {
  readonly codecs: CodecSet
  readonly checkCrcs: boolean
  readonly maxDecompressedBytes: number
}

export interface IntakeHost {
  onRecord(record: HeldRecordData): void
  /** There is no record: compaction removed it, or it is a control record. */
  onGap(from: Acquisition, span: OffsetSpan): void
  /** The broker named records that its response does not contain. */
  onMissing(from: Acquisition, span: OffsetSpan): void
  onUnreadable(from: Acquisition, span: OffsetSpan, cause: unknown): void
  /** A serde refused the record. */
  onBadRecord(record: HeldRecordData, error: KafkaError): void
}

export type AcquiredData = Pick<
  ShareFetchResponse['responses'][number]['partitions'][number],
  'records' | 'acquiredRecords'
>

/** What the records of a response have in common. */
export type Acquisition = Pick<HeldRecordData, 'partition' | 'brokerId' | 'lockSinceMs' | 'lockEndsMs'>

/** From the bytes of a response to the records that this member has acquired. Never rejects. */
export class Intake {
  readonly #options: IntakeOptions
  readonly #host: IntakeHost

  constructor(options: IntakeOptions, host: IntakeHost) {
    this.#options = options
    this.#host = host
  }

  async read({ records, acquiredRecords }: AcquiredData, acquisition: Acquisition): Promise<void> {
    const ranges = new AcquiredRanges(acquiredRecords)
    const reader = new RecordBatchReader(records ?? new Uint8Array(0))
    for (;;) {
      let batch: RecordBatch | undefined
      try {
        batch = reader.next()
      } catch (cause) {
        for (const span of ranges.rest()) this.#host.onUnreadable(acquisition, span, cause)
        return
      }
      if (batch === undefined) break
      await this.#batch(batch, ranges, acquisition)
    }
    // What is behind the last batch is no gap for certain: as one it would never be delivered.
    for (const span of ranges.rest()) this.#host.onMissing(acquisition, span)
  }

  async #batch(batch: RecordBatch, ranges: AcquiredRanges, acquisition: Acquisition): Promise<void> {
    const start = Number(batch.baseOffset)
    const last = start + batch.lastOffsetDelta
    for (const span of ranges.upTo(start - 1)) this.#host.onGap(acquisition, span)
    if (!ranges.overlaps(start, last)) return
    try {
      if (!batch.isControl && batch.recordCount > 0) await this.#records(batch, ranges, acquisition)
    } catch (cause) {
      for (const span of ranges.upTo(last)) this.#host.onUnreadable(acquisition, span, cause)
    }
    for (const span of ranges.upTo(last)) this.#host.onGap(acquisition, span)
  }

  async #records(batch: RecordBatch, ranges: AcquiredRanges, acquisition: Acquisition): Promise<void> {
    const { partition } = acquisition
    const { checkCrcs, codecs, maxDecompressedBytes } = this.#options
    if (checkCrcs && !batch.verifyCrc())
      throw new Error(`the checksum of the batch at ${batch.baseOffset} does not match`)
    const { compressionId, payload } = batch
    const inflated =
      compressionId === 0 ? undefined : codecs.of(compressionId).decompress(payload, maxDecompressedBytes)
    const fetched = new FetchedBatch<SharePartition>(partition, batch, await inflated)
    const preparation = fetched.decoder?.prepare(fetched)
    if (preparation !== undefined) await preparation.done
    const { decoder } = fetched
    const walk = fetched.walk()
    while (walk.next()) {
      const offset = fetched.baseOffset + walk.records.offsetDelta
      for (const span of ranges.upTo(offset - 1)) this.#host.onGap(acquisition, span)
      const deliveryCount = ranges.take(offset)
      if (deliveryCount === undefined) continue
      const fault = decoder?.decode(walk.records, fetched.baseOffset)
      const message: AnyMessage = new Message<string, unknown, unknown>(fetched, walk.records)
      const record = { ...acquisition, offset, deliveryCount, message }
      if (fault === undefined) this.#host.onRecord(record)
      else this.#host.onBadRecord(record, decodeError(fetched, walk.records.offsetDelta, fault))
    }
    decoder?.clear()
  }
}

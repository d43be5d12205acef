import {
  type BatchWriter,
  type RecordBatch,
  RecordBatchReader,
  type RecordCursor,
  type RecordHeader,
  readHeaders,
} from '@ottla/codec/records'
import type { KafkaError } from '../errors.ts'
import { ProducerBatch } from './producer-batch.ts'
import { BatchResult, type ResultPart } from './receipt.ts'
import { sequenceAfter } from './sequences.ts'

/** The batches that have the records of another one, and the results of its records. */
export interface Division {
  readonly batches: readonly ProducerBatch[]
  readonly results: readonly ResultPart[]
  /** How many records have failed and are in none of the batches. */
  readonly rejected: number
}

type NewWriter = (expectedBytes: number) => BatchWriter

/**
 * The two halves, by bytes, of a batch that the broker rejected as too large, with at least one record each. They divide its
 * sequence numbers, so that the batches after it keep theirs.
 */
export function splitBatch(batch: ProducerBatch, newWriter: NewWriter): Division {
  const whole = readerOf(batch)
  const cut = middleOf(whole.records(), batch.count, batch.writer.byteLength)
  const expectedBytes = batch.writer.byteLength / 2
  const batches = [0, cut].map((start, position) => partOf(batch, newWriter(expectedBytes), position, start))
  let index = 0
  for (const record of recordsIn(whole)) appendTo(batches[index++ < cut ? 0 : 1]!, record)
  const results = batches.map(({ result }, position) => ({ start: position * cut, first: 0, result }))
  return { batches, results, rejected: 0 }
}

/** The records that the broker did not reject, in a batch of their own, which has no sequence number yet. */
export function separate(
  batch: ProducerBatch,
  rejected: ReadonlyMap<number, KafkaError>,
  newWriter: NewWriter,
): Division {
  const { partition, createdMs, generation, ordinal, span } = batch
  const others = new ProducerBatch(partition, newWriter(batch.writer.byteLength), createdMs, generation, ordinal, span)
  inherit(others, batch)
  const failed = new BatchResult(partition.topic.name, partition.index)
  failed.error = batch.lastError
  failed.recordErrors = rejected
  const results: ResultPart[] = []
  let index = 0
  for (const record of recordsIn(readerOf(batch))) {
    const isRejected = rejected.has(index)
    const result = isRejected ? failed : others.result
    if (results.at(-1)?.result !== result)
      results.push({ start: index, first: isRejected ? index : others.count, result })
    if (!isRejected) appendTo(others, record)
    index++
  }
  return { batches: [others], results, rejected: rejected.size }
}

/** What holds for the records of a batch, for another one that has some of them. */
function inherit(part: ProducerBatch, { unreported, explicit }: ProducerBatch): void {
  part.lingered = true
  part.unreported = unreported
  part.explicit = explicit
}

function appendTo({ writer, result }: ProducerBatch, { timestampMs, key, value, headers }: BatchRecord): void {
  if (writer.count === 0) result.baseTimestampMs = timestampMs
  writer.append(timestampMs, key, value, headers)
}

/** The records of a batch, in a copy of its bytes. */
export function recordsOf(batch: ProducerBatch): Generator<BatchRecord> {
  return recordsIn(readerOf(batch))
}

export interface BatchRecord {
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
}

/** The writer's bytes may be in flight, and sealing overwrites the header: reads a copy. */
function readerOf(batch: ProducerBatch): RecordBatch {
  const bytes = Buffer.from(batch.writer.seal({ producerId: -1n, producerEpoch: -1, baseSequence: -1 }))
  return new RecordBatchReader(bytes).next()!
}

function* recordsIn(whole: RecordBatch): Generator<BatchRecord> {
  const cursor = whole.records()
  while (cursor.next()) {
    yield {
      timestampMs: whole.baseTimestamp + cursor.timestampDelta,
      key: viewOf(cursor.bytes, cursor.keyStart, cursor.keyLength),
      value: viewOf(cursor.bytes, cursor.valueStart, cursor.valueLength),
      headers: readHeaders(cursor.bytes, cursor.headersStart, cursor.headerCount),
    }
  }
}

/** The index of the first record of the second half. */
function middleOf(cursor: RecordCursor, count: number, totalBytes: number): number {
  let seen = 0
  for (let index = 0; index < count - 1 && cursor.next(); index++) {
    if (index > 0 && seen >= totalBytes / 2) return index
    seen += Math.max(cursor.keyLength, 0) + Math.max(cursor.valueLength, 0)
  }
  return count - 1
}

function partOf(batch: ProducerBatch, writer: BatchWriter, position: number, start: number): ProducerBatch {
  const { partition, createdMs, generation, span } = batch
  const ordinal = batch.ordinal + (position * span) / 2
  const part = new ProducerBatch(partition, writer, createdMs, generation, ordinal, span / 2)
  inherit(part, batch)
  part.maybeWritten = batch.maybeWritten
  part.wholeMaybeWritten = batch.maybeWritten
  part.sentByName = batch.sentByName
  if (batch.baseSequence >= 0) {
    part.identity = batch.identity
    part.baseSequence = sequenceAfter(batch.baseSequence, start)
  }
  return part
}

function viewOf(bytes: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : bytes.subarray(start, start + length)
}

import {
  type BatchWriter,
  type RecordBatch,
  RecordBatchReader,
  type RecordCursor,
  type RecordHeader,
  readHeaders,
} from '@ottla/codec/records'
import { ProducerBatch } from './producer-batch.ts'
import { sequenceAfter } from './sequences.ts'

/**
 * The two halves, by bytes, of a batch that the broker rejected as too large, with at least one record each. They divide its
 * sequence numbers, so that the batches after it keep theirs.
 */
export function splitBatch(batch: ProducerBatch, newWriter: (expectedBytes: number) => BatchWriter): ProducerBatch[] {
  const whole = readerOf(batch)
  const cut = middleOf(whole.records(), batch.count, batch.writer.byteLength)
  const expectedBytes = batch.writer.byteLength / 2
  const halves = [0, cut].map((start, position) => partOf(batch, newWriter(expectedBytes), position, start))
  let index = 0
  for (const { timestampMs, key, value, headers } of recordsIn(whole)) {
    const { writer, result } = halves[index < cut ? 0 : 1]!
    if (writer.count === 0) result.baseTimestampMs = timestampMs
    writer.append(timestampMs, key, value, headers)
    index++
  }
  return halves
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
  part.lingered = true
  part.unreported = batch.unreported
  part.maybeWritten = batch.maybeWritten
  part.wholeMaybeWritten = batch.maybeWritten
  if (batch.baseSequence >= 0) {
    part.identity = batch.identity
    part.baseSequence = sequenceAfter(batch.baseSequence, start)
  }
  return part
}

function viewOf(bytes: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : bytes.subarray(start, start + length)
}

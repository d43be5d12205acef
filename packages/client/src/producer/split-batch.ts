import { type BatchWriter, RecordBatchReader, type RecordCursor, readHeaders } from '@ottla/codec/records'
import { ProducerBatch } from './producer-batch.ts'
import { sequenceAfter } from './sequences.ts'

/**
 * The two halves, by bytes, of a batch that the broker rejected as too large, with at least one record each. They divide its
 * sequence numbers, so that the batches after it keep theirs.
 */
export function splitBatch(batch: ProducerBatch, newWriter: (expectedBytes: number) => BatchWriter): ProducerBatch[] {
  // The writer's bytes may be in flight, and sealing overwrites the header: read a copy.
  const bytes = Buffer.from(batch.writer.seal({ producerId: -1n, producerEpoch: -1, baseSequence: -1 }))
  const whole = new RecordBatchReader(bytes).next()!
  const cut = middleOf(whole.records(), batch.count, bytes.length)
  const halves = [0, cut].map((start, position) => partOf(batch, newWriter(bytes.length / 2), position, start))
  const cursor = whole.records()
  for (let index = 0; cursor.next(); index++) {
    const { writer, result } = halves[index < cut ? 0 : 1]!
    const timestampMs = whole.baseTimestamp + cursor.timestampDelta
    const headers = readHeaders(cursor.bytes, cursor.headersStart, cursor.headerCount)
    const key = viewOf(cursor.bytes, cursor.keyStart, cursor.keyLength)
    const value = viewOf(cursor.bytes, cursor.valueStart, cursor.valueLength)
    if (writer.count === 0) result.baseTimestampMs = timestampMs
    writer.append(timestampMs, key, value, headers)
  }
  return halves
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

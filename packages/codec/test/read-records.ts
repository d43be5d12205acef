import type { RecordBatch } from '../src/records/record-batch-reader.ts'
import { readHeaders } from '../src/records/record-cursor.ts'

export interface PlainRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

function text(bytes: Uint8Array, start: number, length: number): string | null {
  return length === -1 ? null : Buffer.from(bytes.subarray(start, start + length)).toString()
}

/** All records of a batch, with their parts as text. */
export function recordsOf(batch: RecordBatch, payload?: Uint8Array): PlainRecord[] {
  const cursor = batch.records(payload)
  const records: PlainRecord[] = []
  while (cursor.next()) {
    const { bytes, keyStart, keyLength, valueStart, valueLength, headersStart, headerCount } = cursor
    records.push({
      offset: Number(batch.baseOffset) + cursor.offsetDelta,
      timestamp: batch.baseTimestamp + cursor.timestampDelta,
      key: text(bytes, keyStart, keyLength),
      value: text(bytes, valueStart, valueLength),
      headers: readHeaders(bytes, headersStart, headerCount).map(({ key, value }) => [key, value && String(value)]),
    })
  }
  return records
}

import { type Encodable, encodeMessage, type MessageTable } from '@ottla/codec'
import type { RecordBatch, RecordCursor } from '@ottla/codec/records'

/** A record in a coordinator's log; a null value makes it a tombstone. */
export interface CoordinatorRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** Encodes a message after a two-byte prefix: its version, or in a key the record type. */
export function prefixed<M extends MessageTable>(
  prefix: number,
  message: M,
  version: number,
  value: Encodable<M>,
): Uint8Array {
  const body = encodeMessage(message, version, value)
  const bytes = new Uint8Array(2 + body.length)
  bytes[0] = prefix >> 8
  bytes[1] = prefix
  bytes.set(body, 2)
  return bytes
}

export function int16(bytes: Uint8Array): number {
  return ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
}

/** The records of a batch; control batches have none. */
export function* recordsIn(batch: RecordBatch): Iterable<CoordinatorRecord> {
  if (batch.isControl) return
  const cursor = batch.records()
  while (cursor.next()) {
    const key = bytesAt(cursor, cursor.keyStart, cursor.keyLength)
    if (key) yield { key, value: bytesAt(cursor, cursor.valueStart, cursor.valueLength) }
  }
}

function bytesAt(cursor: RecordCursor, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : cursor.bytes.subarray(start, start + length)
}

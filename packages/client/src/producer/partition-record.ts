import type { BatchWriter, RecordHeader } from '@ottla/codec/records'

/** A record, ready to be appended to a batch. */
export interface PartitionRecord {
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: readonly RecordHeader[]
  readonly timestampMs: number
  /** The most bytes that it can take in a batch. */
  readonly sizeBound: number
  /** On `monoNow`, of a record that waited for its topic or for space; undefined: now. */
  readonly acceptedMs?: number | undefined
}

/** The batch would settle the record too late. */
export function isOlder({ acceptedMs }: PartitionRecord, { createdMs }: { readonly createdMs: number }): boolean {
  return acceptedMs !== undefined && acceptedMs < createdMs
}

/**
 * Writes the record. `deltaMs`: how much later it is than the first record of the batch. It is a small integer: passing a timestamp
 * in ms would be an allocation for each record.
 */
export function encode(
  { key, value, headers, timestampMs }: PartitionRecord,
  writer: BatchWriter,
  deltaMs: number,
): void {
  if (writer.count > 0 && (deltaMs | 0) === deltaMs) writer.appendAt(deltaMs, key, value, headers)
  else writer.append(timestampMs, key, value, headers)
}

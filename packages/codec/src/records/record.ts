import { varintSize } from '../wire/varint.ts'

/** A header to write. Strings are written as UTF-8. */
export interface RecordHeader {
  readonly key: string
  readonly value: string | Uint8Array | null
}

/** Maximum size of what precedes a record's key: length, attributes, timestamp delta, offset delta. */
const mostBytesBeforeKey = 5 + 1 + 10 + 5

/** Maximum number of UTF-8 bytes per UTF-16 code unit. */
export const mostBytesPerUnit = 3

/**
 * Upper bound of a record's size in a batch, in bytes, including its length fields. Computed from lengths alone: a
 * string counts three bytes per character.
 */
export function sizeBound(
  key: string | Uint8Array | null,
  value: string | Uint8Array | null,
  headers: readonly RecordHeader[],
): number {
  let size = mostBytesBeforeKey + boundOf(key) + boundOf(value) + varintSize(headers.length)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i]!
    size += boundOf(header.key) + boundOf(header.value)
  }
  return size
}

function boundOf(data: string | Uint8Array | null): number {
  if (data === null) return 1
  const length = typeof data === 'string' ? data.length * mostBytesPerUnit : data.length
  return varintSize(length) + length
}

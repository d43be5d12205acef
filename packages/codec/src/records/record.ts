import { varintSize } from '../wire/varint.ts'

/** A header to be written. Strings are written as UTF-8. */
export interface RecordHeader {
  readonly key: string
  readonly value: string | Uint8Array | null
}

/** What stands before a record's key at most: length, attributes, timestamp delta, offset delta. */
const mostBytesBeforeKey = 5 + 1 + 10 + 5

/** At most this many bytes come of one UTF-16 unit. */
const mostBytesPerUnit = 3

/**
 * How many bytes a record takes in a batch at most, its lengths included; from lengths alone, so a string counts three
 * bytes a character.
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

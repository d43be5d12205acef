import { mostBytesPerUnit, type RecordHeader, sizeBound } from '@ottla/codec/records'

/** As `sizeBound`, with the UTF-8 length of each string: about ten bytes more than the record takes. */
export function tightBound(
  key: string | Uint8Array | null,
  value: string | Uint8Array | null,
  headers: readonly RecordHeader[],
): number {
  let slack = slackOf(key) + slackOf(value)
  for (const header of headers) slack += slackOf(header.key) + slackOf(header.value)
  return sizeBound(key, value, headers) - slack
}

/** By how much `sizeBound` overestimates a string. */
function slackOf(data: string | Uint8Array | null): number {
  return typeof data === 'string' ? data.length * mostBytesPerUnit - Buffer.byteLength(data) : 0
}

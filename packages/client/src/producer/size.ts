import { type RecordHeader, sizeBound } from '@ottla/codec/records'

const mostBytesPerUnit = 3

/** As `sizeBound`, with strings measured: at most some ten bytes more than the record takes. */
export function tightBound(
  key: string | Uint8Array | null,
  value: string | Uint8Array | null,
  headers: readonly RecordHeader[],
): number {
  let slack = slackOf(key) + slackOf(value)
  for (const header of headers) slack += slackOf(header.key) + slackOf(header.value)
  return sizeBound(key, value, headers) - slack
}

/** How much less a string takes than the bound counts. */
function slackOf(data: string | Uint8Array | null): number {
  return typeof data === 'string' ? data.length * mostBytesPerUnit - Buffer.byteLength(data) : 0
}

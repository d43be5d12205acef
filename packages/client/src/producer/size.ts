import { mostBytesPerUnit, type RecordHeader, sizeBound } from '@ottla/codec/records'
import { KafkaError } from '../errors.ts'

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

/** The size of a batch without records. */
const batchOverheadBytes = 61

/** Throws MESSAGE_TOO_LARGE for a record of `bytes` that fits into no request. */
export function checkSize(
  bytes: number,
  maxRequestBytes: number,
  { topic, partition }: { readonly topic: string; readonly partition: number | undefined },
): void {
  if (bytes + batchOverheadBytes <= maxRequestBytes) return
  throw new KafkaError(
    'MESSAGE_TOO_LARGE',
    `A record of ${bytes} bytes for topic '${topic}' is larger than maxRequestBytes (${maxRequestBytes})`,
    {
      topic,
      partition,
      outcome: 'not-written',
      hint: "Send it in pieces, or raise maxRequestBytes and the topic's max.message.bytes.",
    },
  )
}

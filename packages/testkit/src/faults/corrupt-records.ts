import type { Struct } from '../messages/blank.ts'
import { pick } from '../messages/entities.ts'
import { placeOf } from '../messages/places.ts'
import { type Exchange, nameOfTopic } from './exchange.ts'
import type { RequestMatch } from './rule.ts'

/** Positions in a record batch. */
const crcAt = 17
const lengthAt = 8
const headLength = 12

/** A Produce request or a Fetch response with a wrong CRC in the batches of the matching partitions. */
export function withCorruptRecords(exchange: Exchange, message: Struct, match: RequestMatch): Struct {
  const at = placeOf(exchange.api.name, exchange.context.apiVersion).entities
  if (at?.partitions === undefined) return message
  const isRequest = exchange.api.name === 'Produce'
  const list = (isRequest ? at.request : undefined) ?? at.response
  const partitions = (isRequest ? at.partitions.request : undefined) ?? at.partitions.response
  const name = (isRequest ? at.requestName : at.responseName) ?? ''
  const index = (isRequest ? at.partitions.requestIndex : at.partitions.responseIndex) ?? ''
  const side = {
    ...at,
    request: list,
    requestName: name,
    partitions: { ...at.partitions, request: partitions, requestIndex: index },
  }
  const topics = (message[list] as Struct[]).map((topic) => {
    const [picked] = pick(side, { [list]: [topic] }, match, (id) => nameOfTopic(exchange, id))
    if (picked === undefined) return topic
    const changed = (topic[partitions] as Struct[]).map((one) =>
      picked.partitions?.includes(Number(one[index])) ? { ...one, records: withWrongCrc(one.records) } : one,
    )
    return { ...topic, [partitions]: changed }
  })
  return { ...message, [list]: topics }
}

/** A copy: the log shares the original bytes. */
function withWrongCrc(records: unknown): unknown {
  if (!(records instanceof Uint8Array)) return records
  const bytes = Buffer.from(records)
  for (
    let from = 0;
    from + crcAt + 4 <= bytes.length;
    from += headLength + Math.max(0, bytes.readInt32BE(from + lengthAt))
  ) {
    bytes.writeUInt8(bytes.readUInt8(from + crcAt) ^ 0xff, from + crcAt)
  }
  return bytes
}

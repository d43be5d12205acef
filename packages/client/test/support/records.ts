import type { Consumer, Kafka, Message } from '../../src/index.ts'
import { within } from './until.ts'

/** A message as plain values, for comparisons. */
export interface Plain {
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [name: string, value: string | null])[]
}

export function plain(message: Message): Plain {
  const { partition, offset, timestamp, key, value, headers } = message
  return {
    partition,
    offset,
    timestamp,
    key: key === null ? null : key.toString(),
    value: value === null ? null : value.toString(),
    headers: headers.map((header) => [header.key, header.value === null ? null : header.value.toString()]),
  }
}

export const textOf = (message: Message): string => message.value?.toString() ?? '-'

/** Takes `count` messages, one by one, and leaves the consumer open. */
export async function take(consumer: Consumer, count: number, withinMs = 30_000): Promise<Message[]> {
  const messages: Message[] = []
  const reading = async () => {
    if (count === 0) return
    for await (const message of consumer) {
      messages.push(message)
      if (messages.length === count) return
    }
  }
  await within(() => `${count} messages (there came ${messages.length})`, withinMs, reading())
  return messages
}

/** Reads a whole topic without a group, each partition in order. */
export async function readTopic(kafka: Kafka, topic: string): Promise<Plain[]> {
  const admin = kafka.admin()
  const [described] = await admin.describeTopics([topic])
  const partitions = described?.partitions.map(({ partition }) => partition) ?? []
  const ends = await admin.listOffsets(partitions.map((partition) => ({ topic, partition, at: 'latest' as const })))
  const starts = await admin.listOffsets(partitions.map((partition) => ({ topic, partition, at: 'earliest' as const })))
  const begin = new Map(starts.map(({ partition, offset }) => [partition, offset]))
  const count = ends.reduce((sum, end) => sum + Number(end.offset - (begin.get(end.partition) ?? 0n)), 0)
  const consumer = kafka.consumer({ assign: starts.map(({ partition, offset }) => ({ topic, partition, offset })) })
  const messages = await take(consumer, count)
  await consumer.close()
  return messages.map(plain).sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset))
}

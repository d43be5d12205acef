import { type Consumer, Kafka } from 'ottla'
import type { OnValue, Peer } from '../reader.ts'

/** The defaults: automatic commits. */
export const ottla: Peer = {
  compressions: ['none', 'lz4', 'zstd'],
  modes: ['batches', 'messages', 'each'],

  async open({ brokers, topic, groupId, mode }) {
    const kafka = new Kafka({ clientId: 'bench', brokers })
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest' })
    const readers = { batches: readBatches, messages: readMessages, each: readEach }
    return { read: (onValue) => readers[mode](consumer, onValue), close: () => kafka.close() }
  },
}

export async function readBatches(consumer: Consumer, onValue: OnValue): Promise<void> {
  for await (const batch of consumer.batches()) {
    let isLast = false
    for (const { key, value } of batch) if (key !== null && value !== null) isLast = onValue(value)
    if (isLast) return
  }
}

async function readMessages(consumer: Consumer, onValue: OnValue): Promise<void> {
  for await (const { key, value } of consumer) if (key !== null && value !== null && onValue(value)) return
}

async function readEach(consumer: Consumer, onValue: OnValue): Promise<void> {
  const done = new AbortController()
  await consumer.run({
    each: ({ key, value }) => {
      if (key !== null && value !== null && onValue(value)) done.abort()
    },
    signal: done.signal,
  })
}

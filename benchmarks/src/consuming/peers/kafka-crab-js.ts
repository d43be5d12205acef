import { installed } from '../../installed.ts'
import type { OnValue, Peer } from '../reader.ts'

interface Message {
  readonly key?: Buffer
  readonly payload: Buffer
}

interface KafkaConsumer {
  subscribe(topic: string): Promise<void>
  recvBatch(size: number, timeoutMs: number): Promise<readonly Message[]>
  recv(): Promise<Message | null>
  disconnect(): Promise<void>
}

interface KafkaCrab {
  KafkaClient: new (options: {
    brokers: string
    clientId: string
    logLevel: string
  }) => { createConsumer(options: { groupId: string; configuration: Record<string, unknown> }): KafkaConsumer }
}

const batchSize = 1_000
const batchTimeoutMs = 100

/** librdkafka, in Rust; its build has no zstd. */
export const kafkaCrab: Peer = {
  compressions: ['none', 'lz4'],
  modes: ['batches', 'messages', 'each'],

  async open({ brokers, topic, groupId, mode }) {
    const { KafkaClient } = await installed<KafkaCrab>('kafka-crab-js')
    const client = new KafkaClient({ brokers: brokers.join(','), clientId: 'bench', logLevel: 'error' })
    const configuration = { 'auto.offset.reset': 'earliest', 'enable.auto.commit': true }
    const consumer = client.createConsumer({ groupId, configuration })
    await consumer.subscribe(topic)
    const read = mode === 'batches' ? readBatches : readMessages
    return { read: (onValue) => read(consumer, onValue), close: () => consumer.disconnect() }
  },
}

async function readBatches(consumer: KafkaConsumer, onValue: OnValue): Promise<void> {
  for (;;) {
    for (const { key, payload } of await consumer.recvBatch(batchSize, batchTimeoutMs)) {
      if (key !== undefined && onValue(payload)) return
    }
  }
}

async function readMessages(consumer: KafkaConsumer, onValue: OnValue): Promise<void> {
  for (let message = await consumer.recv(); message !== null; message = await consumer.recv()) {
    if (message.key !== undefined && onValue(message.payload)) return
  }
}

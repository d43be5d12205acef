import { type Consumer, Kafka, logLevel } from 'kafkajs'
import type { OnValue, Peer } from '../reader.ts'

/** It reads lz4 and zstd only with other packages. */
export const kafkajs: Peer = {
  compressions: ['none'],
  modes: ['batches', 'messages', 'each'],

  async open({ brokers, topic, groupId, mode }) {
    const kafka = new Kafka({ clientId: 'bench', brokers: [...brokers], logLevel: logLevel.ERROR })
    const consumer = kafka.consumer({ groupId })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const read = mode === 'batches' ? readBatches : readEach
    return { read: (onValue) => read(consumer, onValue), close: () => consumer.disconnect() }
  },
}

function readBatches(consumer: Consumer, onValue: OnValue): Promise<void> {
  return new Promise((resolve, reject) => {
    const eachBatch: Parameters<Consumer['run']>[0] = {
      eachBatch: async ({ batch }) => {
        for (const { key, value } of batch.messages) if (key !== null && value !== null && onValue(value)) resolve()
      },
    }
    consumer.run(eachBatch).catch(reject)
  })
}

function readEach(consumer: Consumer, onValue: OnValue): Promise<void> {
  return new Promise((resolve, reject) => {
    const eachMessage: Parameters<Consumer['run']>[0] = {
      eachMessage: async ({ message: { key, value } }) => {
        if (key !== null && value !== null && onValue(value)) resolve()
      },
    }
    consumer.run(eachMessage).catch(reject)
  })
}

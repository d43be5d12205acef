import { type EachBatchPayload, Kafka, logLevel } from 'kafkajs'
import { measure, numberOf } from '../measured.ts'
import type { Consume } from './task.ts'

export const consumeWithKafkaJs: Consume = async (task) => {
  const kafka = new Kafka({ clientId: 'bench', brokers: [...task.brokers], logLevel: logLevel.ERROR })
  const consumer = kafka.consumer({ groupId: `bench-kafkajs-${Date.now()}` })
  let records = 0
  let checksum = 0
  await consumer.connect()
  await consumer.subscribe({ topics: [task.topic], fromBeginning: true })
  const measured = await measure(async () => {
    await new Promise<void>((resolve, reject) => {
      const eachBatch = async ({ batch }: EachBatchPayload) => {
        for (const { key, value } of batch.messages) {
          if (key !== null && value !== null) checksum += numberOf(value)
          records++
        }
        if (records >= task.records) resolve()
      }
      consumer.run({ eachBatch }).catch(reject)
    })
    return records
  })
  await consumer.disconnect()
  return { ...measured, checksum }
}

import { type Consumer, Kafka } from 'ottla'
import { measure, numberOf } from '../measured.ts'
import type { Consume, ConsumeMeasured } from './task.ts'

export const consumeWithOttla: Consume = async (task) => {
  const kafka = new Kafka({ clientId: 'bench', brokers: task.brokers })
  const groupId = `bench-ottla-${Date.now()}`
  const consumer = kafka.consumer({ groupId, topics: [task.topic], offsetReset: 'earliest' })
  const measured = await readBatches(consumer, task.records)
  await kafka.close()
  return measured
}

/** Reads this many records, by batches. */
export async function readBatches(consumer: Consumer, wanted: number): Promise<ConsumeMeasured> {
  let records = 0
  let checksum = 0
  const measured = await measure(async () => {
    for await (const batch of consumer.batches()) {
      for (const { key, value } of batch) {
        if (key !== null && value !== null) checksum += numberOf(value)
        records++
      }
      if (records >= wanted) break
    }
    return records
  })
  return { ...measured, checksum }
}

import { Kafka } from 'ottla'
import { measure, numberOf } from '../measured.ts'
import type { Consume } from './task.ts'

export const consumeWithOttla: Consume = async (task) => {
  const kafka = new Kafka({ clientId: 'bench', brokers: task.brokers })
  const groupId = `bench-ottla-${Date.now()}`
  const consumer = kafka.consumer({ groupId, topics: [task.topic], offsetReset: 'earliest' })
  let records = 0
  let checksum = 0
  const measured = await measure(async () => {
    for await (const batch of consumer.batches()) {
      for (const { key, value } of batch) {
        if (key !== null && value !== null) checksum += numberOf(value)
        records++
      }
      if (records >= task.records) break
    }
    return records
  })
  await kafka.close()
  return { ...measured, checksum }
}

import { Kafka } from 'ottla'
import { type Contender, line, measure, measureLatency, numberOf, sendAll } from '../contender.ts'

/** Defaults: acks=all and idempotent. */
export const ottla: Contender = {
  async produce(task) {
    const kafka = new Kafka({ clientId: 'bench', brokers: task.brokers })
    const producer = kafka.producer()
    const { topic, valueBytes } = task
    const batch = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => ({ topic, ...line(from + i, valueBytes) }))
    const warm = `${topic}-warm`
    await producer.send(batch(0, 1000).map((record) => ({ ...record, topic: warm })))
    const measured = await measure(async () => {
      await sendAll(task, (from, to) => producer.send(batch(from, to)))
      return { records: task.records }
    })
    await kafka.close()
    return measured
  },

  async consume(task) {
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
      return { records, checksum }
    })
    await kafka.close()
    return measured
  },

  async latency(task) {
    const kafka = new Kafka({ clientId: 'bench', brokers: task.brokers })
    const producer = kafka.producer()
    const { topic } = task
    for (let i = 0; i < 200; i++) await producer.send({ topic, ...line(i, task.valueBytes) })
    const measured = await measureLatency(task, (record) => producer.send({ topic, ...record }))
    await kafka.close()
    return measured
  },
}

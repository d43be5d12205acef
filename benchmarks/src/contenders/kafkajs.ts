import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { type Contender, line, measure, measureLatency, numberOf, sendAll, type Task } from '../contender.ts'

const connect = (task: Task) => new Kafka({ clientId: 'bench', brokers: [...task.brokers], logLevel: logLevel.ERROR })

/** acks=all; not idempotent, since its idempotent producer allows one request in flight and is marked experimental. */
const producerOptions = { createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false }

export const kafkajs: Contender = {
  async produce(task) {
    const producer = connect(task).producer(producerOptions)
    await producer.connect()
    const { topic, valueBytes } = task
    const batch = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => line(from + i, valueBytes))
    await producer.send({ topic: `${topic}-warm`, acks: -1, messages: batch(0, 1000) })
    const measured = await measure(async () => {
      await sendAll(task, (from, to) => producer.send({ topic, acks: -1, messages: batch(from, to) }))
      return { records: task.records }
    })
    await producer.disconnect()
    return measured
  },

  async consume(task) {
    const consumer = connect(task).consumer({ groupId: `bench-kafkajs-${Date.now()}` })
    let records = 0
    let checksum = 0
    await consumer.connect()
    await consumer.subscribe({ topics: [task.topic], fromBeginning: true })
    const measured = await measure(async () => {
      await new Promise<void>((resolve, reject) => {
        const eachBatch = async ({
          batch,
        }: {
          batch: { messages: { key: Buffer | null; value: Buffer | null }[] }
        }) => {
          for (const { key, value } of batch.messages) {
            if (key !== null && value !== null) checksum += numberOf(value)
            records++
          }
          if (records >= task.records) resolve()
        }
        consumer.run({ eachBatch }).catch(reject)
      })
      return { records, checksum }
    })
    await consumer.disconnect()
    return measured
  },

  async latency(task) {
    const producer = connect(task).producer(producerOptions)
    await producer.connect()
    const { topic } = task
    for (let i = 0; i < 200; i++) await producer.send({ topic, acks: -1, messages: [line(i, task.valueBytes)] })
    const measured = await measureLatency(task, (record) => producer.send({ topic, acks: -1, messages: [record] }))
    await producer.disconnect()
    return measured
  },
}

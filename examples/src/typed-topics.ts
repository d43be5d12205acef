import { createCluster } from '@ottla/testkit'
import { json, Kafka, KafkaError, string, topic } from 'ottla'
import { z } from 'zod'

/** Orders and refunds have types and schemas; a record that another program wrote does not match them, and is set aside. */
const Order = z.object({ total: z.number().min(0), currency: z.string().length(3).default('EUR') })
const Refund = z.object({ order: z.string(), reason: z.string() })

const orders = topic('orders', { key: string(), value: json(Order) })
const refunds = topic('refunds', { key: string(), value: json(Refund) })

async function main(): Promise<void> {
  const topics = [orders, refunds].map(({ name }) => ({ name, partitions: 1 }))
  await using cluster = await createCluster({ brokers: 1, topics })
  await using kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime })
  const producer = kafka.producer()

  await producer.send([
    orders.record({ key: 'o-1', value: { total: 12 } }),
    orders.record({ key: 'o-2', value: { total: 30, currency: 'USD' } }),
  ])
  await producer.send({ topic: 'orders', key: 'o-3', value: '{"total": "a lot"}' })
  await producer.send([
    orders.record({ key: 'o-2', value: null }),
    refunds.record({ key: 'o-1', value: { order: 'o-1', reason: 'broken' } }),
  ])
  try {
    orders.record({ key: 'o-4', value: { total: -1 } })
  } catch (error) {
    if (KafkaError.is(error)) console.log(`not sent: ${error.message}`)
  }

  const consumer = kafka.consumer({
    groupId: 'billing',
    topics: [orders, refunds],
    offsetReset: 'earliest',
    onBadRecord: 'skip',
  })
  consumer.on('badRecord', ({ offset, error }) => console.log(`skipped at offset ${offset}: ${error.message}`))
  let count = 0
  for await (const message of consumer) {
    if (message.topic === 'refunds') console.log(`refund ${message.key}: ${message.value?.reason}`)
    else if (message.value === null) console.log(`order ${message.key}: deleted`)
    else console.log(`order ${message.key}: ${message.value.total} ${message.value.currency}`)
    if (++count === 4) break
  }
}

await main()

import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { Kafka } from '../../src/index.ts'

/** A producer, a leader that dies, and a group whose second member joins late. */
async function story(seed: number) {
  const topics = [{ name: 'orders', partitions: 3, replicationFactor: 3 }]
  await using cluster = await createCluster({ time: 'virtual', seed, topics, checkReplicas: true, leakCheck: true })
  const read = await cluster.run(async () => {
    const kafka = new Kafka({ clientId: 'shop', brokers: cluster.bootstrap, runtime: cluster.runtime })
    const producer = kafka.producer()
    const values: string[] = []
    const consumer = () => kafka.consumer({ groupId: 'billing', topics: ['orders'], offsetReset: 'earliest' })
    const first = consumer()
    const reading = first.run({ each: async (message) => void values.push(String(message.value)) })
    for (let number = 0; number < 60; number++) {
      await producer.send({ topic: 'orders', key: `k${number % 7}`, value: `v${number}` })
      if (number === 20) await cluster.broker(cluster.partition('orders', 0).leader).kill()
      if (number === 40) void consumer().poll({ timeoutMs: 1_000 })
    }
    while (values.length < 60) await cluster.clock.advance(50)
    await kafka.close()
    await reading
    return values
  })
  return { read, hash: cluster.virtual?.eventHash, events: cluster.virtual?.eventCount, atMs: cluster.virtual?.nowMs }
}

test('a seed reproduces the whole run: clients, groups and failover', async () => {
  const [first, second, other] = [await story(11), await story(11), await story(12)]
  expect(new Set(first.read).size).toBe(60)
  expect(second).toEqual(first)
  expect(other.hash).not.toBe(first.hash)
})

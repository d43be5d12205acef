import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { Kafka } from '../../src/kafka.ts'
import { silentLogger } from '../../src/logger.ts'
import type { Receipt } from '../../src/producer/receipt.ts'

const partitions = 3

test('a leader killed and restarted under load: no record lost, repeated or out of order', async () => {
  await using cluster = await createCluster({
    brokers: 3,
    topics: [{ name: 't', partitions, replicationFactor: 3, configs: { 'min.insync.replicas': 2 } }],
    config: { 'broker.session.timeout.ms': 300 },
  })
  await using kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime, logger: silentLogger })
  const producer = kafka.producer({ maxBatchBytes: 2048 })
  const receipts: Receipt[] = []
  const failures: unknown[] = []
  let sent = 0
  const load = async (records: number) => {
    for (const until = sent + records; sent < until; ) {
      for (let burst = 0; burst < 30; burst++, sent++) {
        const n = sent
        const record = { topic: 't', value: `${n} ${'x'.repeat(200)}`, partition: n % partitions }
        producer.enqueue(record, (error, receipt) => {
          if (receipt !== undefined) receipts[n] = receipt
          else failures.push(error)
        })
      }
      await new Promise<void>((resolve) => cluster.runtime.setTimer(resolve, 1))
    }
  }
  await load(3000)
  const killed = cluster.partition('t', 0).leader
  await cluster.broker(killed).kill()
  await load(3000)
  await producer.flush()
  expect(cluster.partition('t', 0).leader).not.toBe(killed)
  await cluster.broker(killed).restart()
  await load(3000)
  await producer.flush()

  expect(failures).toEqual([])
  let stored = 0
  for (let partition = 0; partition < partitions; partition++) {
    const offsets = receipts.filter((receipt) => receipt.partition === partition).map(({ offset }) => Number(offset))
    // Each receipt has an offset of its own, in the order of the calls, and the log has no record more.
    expect(offsets).toEqual(offsets.map((_, i) => i))
    const { highWatermark, logEndOffset } = cluster.partition('t', partition)
    expect([highWatermark, logEndOffset]).toEqual([offsets.length, offsets.length])
    stored += offsets.length
  }
  expect(stored).toBe(sent)
  expect(kafka.metrics().counters['producer.retries']).toBeGreaterThan(0)
})

test('a topic made while records wait for it, and one that never comes', async () => {
  await using cluster = await createCluster({ brokers: 1 })
  await using kafka = new Kafka({
    brokers: cluster.bootstrap,
    runtime: cluster.runtime,
    logger: silentLogger,
    topicTimeoutMs: 1000,
  })
  const producer = kafka.producer()
  const late = producer.send({ topic: 'late', value: 'a' })
  const never = producer.send({ topic: 'never', value: 'a' })
  await cluster.createTopic({ name: 'late', partitions: 1 })
  expect((await late).offset).toBe(0n)
  await expect(never).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'never' })
})

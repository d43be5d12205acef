import { createCluster, type FaultAction } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { Kafka, KafkaError, silentLogger } from '../../src/index.ts'

/** Not sent by correct brokers, but by proxies, bugs and attackers. */
const corrupted: FaultAction[] = [
  'wrongCorrelationId',
  'respondTwice',
  { garbage: 3 },
  { chunks: 1 },
  { drip: '20s' },
  { truncateTo: 3 },
]

test.each(corrupted)('delivers records once and in order despite responses with %j', async (action) => {
  const topics = [{ name: 't', replicationFactor: 3 }]
  await using cluster = await createCluster({ time: 'virtual', topics, leakCheck: true })
  const values = Array.from({ length: 20 }, (_, number) => `v${number}`)
  const read = await cluster.run(async () => {
    const kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime, logger: silentLogger })
    cluster.faults.add({ match: {}, trigger: { probability: 0.2, times: 30 }, action })
    const producer = kafka.producer()
    for (const value of values) await producer.send({ topic: 't', value })
    const consumer = kafka.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest' })
    const got: string[] = []
    for await (const message of consumer) {
      got.push(String(message.value))
      if (got.length >= values.length) break
    }
    await kafka.close()
    return got
  })
  expect(read).toEqual(values)
})

test('garbage instead of a response fails the request, and leaves nothing behind', async () => {
  const diagnostics: string[] = []
  await using cluster = await createCluster({
    time: 'virtual',
    topics: [{ name: 't' }],
    leakCheck: true,
    onDiagnostic: (message) => diagnostics.push(message),
  })
  cluster.faults.add({ match: { api: 'InitProducerId' }, action: { garbage: 500 } })
  const error = await cluster.run(async () => {
    const kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime, logger: silentLogger })
    const sent = await kafka
      .producer()
      .send({ topic: 't', value: 'v' })
      .catch((failure: unknown) => failure)
    await kafka.close()
    return sent
  })
  expect(error).toBeInstanceOf(KafkaError)
  expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', outcome: 'not-written' })
  // The client then tries whether the port speaks TLS.
  for (const message of diagnostics) expect(message).toContain('it may speak another protocol')
})

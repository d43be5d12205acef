import { describe, expect, test } from 'vitest'
import type { ProducerEventMap } from '../../src/index.ts'
import { onTestkit, type Scenario, type ScenarioOptions } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

type Events<E extends keyof ProducerEventMap> = Parameters<ProducerEventMap[E]>[0][]

describe('deliveryFailed', () => {
  test('is the report of records without a promise or a callback', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const events: Events<'deliveryFailed'> = []
      producer.on('deliveryFailed', (event) => events.push(event))
      scenario.fault('Produce', { error: 'POLICY_VIOLATION' })
      for (let i = 0; i < 3; i++) producer.enqueue({ topic: 't', value: `${i}` })
      producer.enqueue({ topic: 't', value: 'reported' }, () => {})
      await producer.flush()
      expect(events).toMatchObject([
        { topic: 't', partition: 0, records: 4, unreported: true, error: { code: 'POLICY_VIOLATION' } },
      ])
      await failure(producer.send({ topic: 't', value: 'x' }))
      expect(events[1]).toMatchObject({ records: 1, unreported: false })
    }))

  test('reports the records of a topic that does not exist together', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const events: Events<'deliveryFailed'> = []
      producer.on('deliveryFailed', (event) => events.push(event))
      for (let i = 0; i < 100; i++) producer.enqueue({ topic: 'missing', value: 'x' })
      await producer.flush()
      await scenario.advance(1)
      expect(events).toMatchObject([
        { topic: 'missing', partition: undefined, records: 100, error: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } },
      ])
    }))

  test('keeps what is unreported when a batch is split', () =>
    onTestkit({ configs: { 'max.message.bytes': 1_500 } }, async (scenario) => {
      const producer = scenario.kafka.producer()
      const events: Events<'deliveryFailed'> = []
      producer.on('deliveryFailed', (event) => events.push(event))
      for (let i = 0; i < 6; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(1_600) })
      await producer.flush()
      expect(events.reduce((sum, { records }) => sum + records, 0)).toBe(6)
      expect(events.every(({ unreported, error }) => unreported && error.code === 'MESSAGE_TOO_LARGE')).toBe(true)
    }))

  test('is not emitted for records that their caller aborted', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 500 })
      const events: Events<'deliveryFailed'> = []
      producer.on('deliveryFailed', (event) => events.push(event))
      scenario.fault('Produce', { delay: '1s' }, { times: 1 })
      const first = producer.send({ topic: 't', value: 'x'.repeat(1_000) })
      const caller = new AbortController()
      const second = failure(producer.send({ topic: 't', value: 'y' }, { signal: caller.signal }))
      caller.abort()
      expect(await second).toMatchObject({ code: 'ABORTED' })
      await first
      expect(events).toEqual([])
    }))
})

test('the error of a failed record names its broker as plain data', () =>
  onTestkit({}, async (scenario) => {
    const producer = scenario.kafka.producer()
    const events: Events<'deliveryFailed'> = []
    producer.on('deliveryFailed', (event) => events.push(event))
    scenario.fault('Produce', { error: 'INVALID_RECORD' })
    const { broker } = await failure(producer.send({ topic: 't', value: 'x' }))
    const plain = { id: 1, host: expect.any(String), port: expect.any(Number) }
    expect(broker).toStrictEqual(plain)
    expect(JSON.parse(JSON.stringify(events[0]!.error)).broker).toStrictEqual(plain)
    expect(structuredClone(broker)).toStrictEqual(plain)
  }))

test('identityChanged follows a sequence that the broker refuses, with the next epoch', () =>
  onTestkit({}, async (scenario) => {
    const producer = scenario.kafka.producer()
    const events: Events<'identityChanged'> = []
    producer.on('identityChanged', (event) => events.push(event))
    await producer.send({ topic: 't', value: 'a' })
    scenario.fault('Produce', { error: 'UNKNOWN_PRODUCER_ID' }, { times: 1 })
    await producer.send({ topic: 't', value: 'b' })
    expect(events).toEqual([
      {
        previous: { producerId: expect.any(BigInt), epoch: 0 },
        current: { producerId: events[0]!.previous.producerId, epoch: 1 },
      },
    ])
    scenario.fault('Produce', { error: 'INVALID_PRODUCER_EPOCH' }, { times: 1 })
    await producer.send({ topic: 't', value: 'c' })
    expect(events[1]).toEqual({ previous: events[0]!.current, current: undefined })
  }))

const cluster3: ScenarioOptions = { brokers: 3, replicationFactor: 3, config: { 'broker.session.timeout.ms': 2_000 } }

test('leaderMoved names the silent broker and the partitions that it no longer leads', () =>
  onTestkit(cluster3, async ({ cluster, kafka }: Scenario) => {
    const producer = kafka.producer()
    const events: Events<'leaderMoved'> = []
    producer.on('leaderMoved', (event) => events.push(event))
    await producer.send({ topic: 't', value: 'first' })
    const { leader } = cluster.partition('t', 0)
    cluster.broker(leader).pause()
    await producer.send({ topic: 't', value: 'second' })
    expect(events).toMatchObject([{ brokerId: leader, partitions: [{ topic: 't', partition: 0 }] }])
    expect(events[0]!.silentMs).toBeGreaterThanOrEqual(1_000)
    cluster.broker(leader).resume()
  }))

test('throttled has the broker and the time', () =>
  onTestkit({}, async (scenario) => {
    const producer = scenario.kafka.producer()
    const events: Events<'throttled'> = []
    producer.once('throttled', (event) => events.push(event))
    scenario.fault('Produce', { throttle: '300ms' })
    await producer.send({ topic: 't', value: 'a' })
    await producer.send({ topic: 't', value: 'b' })
    expect(events).toEqual([{ broker: { id: 1, host: expect.any(String), port: expect.any(Number) }, throttleMs: 300 }])
  }))

test('a listener that throws is logged, and the producer continues', () => {
  const logged: unknown[] = []
  const nothing = () => {}
  const logger = { debug: nothing, info: nothing, warn: nothing, error: (message: string) => logged.push(message) }
  return onTestkit({ kafka: { logger } }, async (scenario) => {
    const producer = scenario.kafka.producer()
    let calls = 0
    producer.on('deliveryFailed', () => {
      throw new Error('oops')
    })
    producer.on('deliveryFailed', () => void calls++)
    scenario.fault('Produce', { error: 'POLICY_VIOLATION' }, { times: 1 })
    await failure(producer.send({ topic: 't', value: 'a' }))
    await producer.send({ topic: 't', value: 'b' })
    expect([calls, logged]).toEqual([1, ['an event listener threw']])
  })
})

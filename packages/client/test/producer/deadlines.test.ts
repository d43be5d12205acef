import { InitProducerId, Produce } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { KafkaError, Producer } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const timeoutMs = 60_000

/** How long a send takes to fail, and the error of its (first) record. */
async function timed(scenario: Scenario, sent: Promise<unknown>): Promise<{ ms: number; error: KafkaError }> {
  const startedMs = scenario.nowMs
  const error = await failure(sent)
  const first = (error as KafkaError & { results?: KafkaError[] }).results?.[0] ?? error
  return { ms: scenario.nowMs - startedMs, error: first }
}

const inTime = (ms: number) => {
  expect(ms).toBeGreaterThanOrEqual(timeoutMs - 1_000)
  expect(ms).toBeLessThanOrEqual(timeoutMs + 1_000)
}

describe('deliveryTimeoutMs counts from the acceptance of a record', () => {
  const noReplicas = { error: 'NOT_ENOUGH_REPLICAS' } as const

  test('also while its topic is looked up', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: timeoutMs })
      const fault = scenario.fault('Metadata', 'close')
      scenario.fault('Produce', noReplicas)
      const lost = timed(scenario, producer.send({ topic: 't', value: 'x' }))
      await scenario.advance('55s')
      fault.remove()
      const { ms, error } = await lost
      expect(error.code).toBe('DELIVERY_TIMED_OUT')
      inTime(ms)
    }))

  test('for each record that waits for a topic, not from that of the first', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: timeoutMs })
      scenario.fault('Metadata', 'close')
      const first = timed(scenario, producer.send({ topic: 't', value: 'x' }))
      await scenario.advance('30s')
      const second = timed(scenario, producer.send({ topic: 't', value: 'y' }))
      for (const { ms, error } of await Promise.all([first, second])) {
        expect(error).toMatchObject({ code: 'DELIVERY_TIMED_OUT', outcome: 'not-written' })
        inTime(ms)
      }
    }))

  test('for the parts of a split batch behind younger batches', () =>
    onTestkit({ topics: { t: 2 }, configs: { 'max.message.bytes': 2_000 } }, async (scenario) => {
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: timeoutMs })
      await producer.send([0, 1].map((partition) => ({ topic: 't', partition, value: 'x' })))
      let open = false
      scenario.fault('Produce', noReplicas, 'always', {
        when: ({ topicData }) => !open || topicData[0]!.partitionData[0]!.records!.length < 2_000,
      })
      const values = ['a', 'b'].map((value) => ({ topic: 't', partition: 0, value: value.repeat(1_500) }))
      const split = timed(scenario, producer.send(values))
      await scenario.advance('57s')
      open = true
      const younger = timed(scenario, producer.send({ topic: 't', partition: 1, value: 'younger' }))
      for (const { ms, error } of await Promise.all([split, younger])) {
        expect(error.code).toBe('DELIVERY_TIMED_OUT')
        inTime(ms)
      }
    }))

  test('while it waits for buffer space', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: timeoutMs, maxBufferedBytes: 1_000 })
      await producer.send([0, 1].map((partition) => ({ topic: 't', partition, value: 'x' })))
      scenario.fault('Produce', noReplicas, 'always', { topic: 't', partition: 1 })
      const held = scenario.fault('Produce', noReplicas, 'always', { topic: 't', partition: 0 })
      const first = producer.send({ topic: 't', partition: 0, value: 'x'.repeat(2_000) })
      const second = timed(scenario, producer.send({ topic: 't', partition: 1, value: 'y' }))
      await scenario.advance('50s')
      held.remove()
      await first
      const { ms, error } = await second
      expect(error.code).toBe('DELIVERY_TIMED_OUT')
      inTime(ms)
    }))

  test('for each record that waits for a producer id, not from that of the first', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: timeoutMs })
      scenario.fault('InitProducerId', { error: 'COORDINATOR_LOAD_IN_PROGRESS' })
      const first = timed(scenario, producer.send({ topic: 't', value: 'x' }))
      await scenario.advance('30s')
      const second = timed(scenario, producer.send({ topic: 't', value: 'y' }))
      for (const { ms, error } of await Promise.all([first, second])) {
        expect(error.code).toBe('DELIVERY_TIMED_OUT')
        inTime(ms)
      }
      expect(scenario.seen(InitProducerId).length).toBeGreaterThan(50)
    }))

  test('for each record behind a broker that hangs, whichever partition had the first batch', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: timeoutMs, idempotent: false })
      await producer.send([0, 1].map((partition) => ({ topic: 't', partition, value: 'x' })))
      scenario.fault('Produce', 'hang')
      const send = (partition: number) => timed(scenario, producer.send({ topic: 't', partition, value: 'y' }))
      const sent = [send(0)]
      await scenario.advance(10)
      sent.push(send(0))
      await scenario.advance(100)
      sent.push(send(1))
      await scenario.advance('10s')
      sent.push(send(1))
      for (const { ms, error } of await Promise.all(sent)) {
        expect(error.code).toBe('DELIVERY_TIMED_OUT')
        inTime(ms)
      }
    }))
})

describe('DELIVERY_TIMED_OUT reports what the batch waited for:', () => {
  interface Case {
    readonly name: string
    readonly reason: RegExp
    prepare(scenario: Scenario, producer: Producer): unknown
  }
  const loseLeader = async ({ cluster, advance }: Scenario) => {
    await cluster.broker(cluster.partition('t', 0).leader).kill()
    await advance('5s')
  }
  const warm = (producer: Producer) => producer.send({ topic: 't', value: 'first' })
  const cases: Case[] = [
    {
      name: 'a leader',
      reason: /: the partition has no leader/,
      prepare: async (scenario, producer) => {
        await warm(producer)
        await loseLeader(scenario)
      },
    },
    {
      name: 'replicas',
      reason: /: too few replicas are in sync/,
      prepare: ({ fault }) => fault('Produce', { error: 'NOT_ENOUGH_REPLICAS' }),
    },
    {
      name: 'a producer id',
      reason: /: there is no producer id: .*COORDINATOR_LOAD_IN_PROGRESS|: there is no producer id: .*[Cc]oordinator/,
      prepare: ({ fault }) => fault('InitProducerId', { error: 'COORDINATOR_LOAD_IN_PROGRESS' }),
    },
    {
      name: 'a broker that hangs',
      reason: /: broker \d has not responded for \d+ ms|received no response within \d+ ms from broker \d/,
      prepare: async ({ fault }, producer) => {
        await warm(producer)
        fault('Produce', 'hang')
      },
    },
    {
      name: 'a broker that closes each connection',
      reason: /: the broker was not reached/,
      prepare: ({ fault }) => fault('Produce', 'close'),
    },
    {
      name: 'a throttled connection',
      reason: /: broker \d throttles the client/,
      prepare: async ({ fault }, producer) => {
        fault('Produce', { throttle: '60s' }, 'once')
        await warm(producer)
      },
    },
  ]

  test.each(cases)('$name', ({ prepare, reason }) =>
    onTestkit({ brokers: 2, config: { 'broker.session.timeout.ms': 1_000 } }, async (scenario) => {
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: 20_000 })
      await prepare(scenario, producer)
      const { error } = await timed(scenario, producer.send({ topic: 't', value: 'x' }))
      expect(error.code).toBe('DELIVERY_TIMED_OUT')
      expect([error.message]).toEqual([expect.stringMatching(reason)])
    }),
  )
})

test('batches grow again after a broker has rejected some as too large', () =>
  onTestkit({}, async (scenario) => {
    const producer = scenario.kafka.producer()
    const burst = () =>
      producer.send(Array.from({ length: 500 }, (_, i) => ({ topic: 't', value: `${i}`.padEnd(200) })))
    const produced = () => scenario.seen(Produce).length
    const fault = scenario.fault('Produce', { error: 'MESSAGE_TOO_LARGE' }, { times: 9 })
    await burst()
    fault.remove()
    const limited = produced()
    await burst()
    expect(produced() - limited).toBeGreaterThan(2)
    // In use all the time: an idle topic would be forgotten.
    for (let minutes = 0; minutes < 12; minutes++) {
      await scenario.advance('61s')
      await burst()
    }
    const relaxed = produced()
    await burst()
    expect(produced() - relaxed).toBeLessThanOrEqual(2)
  }))

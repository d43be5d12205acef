import { getEventListeners } from 'node:events'
import { Produce } from '@ottla/codec'
import type { FaultRule } from '@ottla/testkit'
import { describe, expect, test } from 'vitest'
import { KafkaError, type SendError } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { contentsOf } from '../support/record-batches.ts'
import { failure } from '../support/settled.ts'

// Each case has cost users of other clients records, or blocked them.

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Counts how often promises settle. */
function tally() {
  const counts = { resolved: 0, rejected: 0, errors: [] as KafkaError[] }
  const watch = (promise: Promise<unknown>) =>
    promise.then(
      () => counts.resolved++,
      (error) => {
        counts.rejected++
        counts.errors.push(error)
      },
    )
  return { counts, watch }
}

async function numbersIn(scenario: Scenario): Promise<number[]> {
  return (await scenario.values('t')).map((value) => Number.parseInt(value!, 10))
}

/** Broker 2, which leads the topic 't', is down and its partition has no leader. Broker 1 runs. */
const headless = { brokers: 2, config: { 'broker.session.timeout.ms': 1_000 } }

async function loseLeader({ cluster, advance }: Scenario): Promise<void> {
  if (cluster.partition('t', 0).leader !== 2) await cluster.reassign('t', 0, [2])
  await advance('1s')
  await cluster.broker(2).kill()
  await advance('5s')
  expect(cluster.partition('t', 0).leader).toBe(-1)
}

describe('every record settles exactly once', () => {
  const nothing = () => {}
  const stages: { name: string; topic: string; prepare: (scenario: Scenario) => unknown }[] = [
    { name: 'the topic does not exist', topic: 'nowhere', prepare: nothing },
    { name: 'requests are lost', topic: 't', prepare: ({ fault }) => fault('Produce', 'close') },
    { name: 'responses are lost', topic: 't', prepare: ({ fault }) => fault('Produce', 'closeAfterWork') },
    {
      name: 'the broker rejects them',
      topic: 't',
      prepare: ({ fault }) => fault('Produce', { error: 'POLICY_VIOLATION' }),
    },
    {
      name: 'they are retried without end',
      topic: 't',
      prepare: ({ fault }) => fault('Produce', { error: 'NOT_ENOUGH_REPLICAS' }),
    },
    { name: 'the partition has no leader', topic: 't', prepare: loseLeader },
    { name: 'the broker does not respond', topic: 't', prepare: ({ fault }) => fault('Produce', 'hang') },
  ]

  test.each(stages)('of 100 records when $name', ({ prepare, topic }) =>
    onTestkit(headless, async (scenario) => {
      await prepare(scenario)
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: 10_000 })
      const reports = new Array<number>(100).fill(0)
      const { counts, watch } = tally()
      for (let i = 0; i < 100; i++) {
        producer.enqueue({ topic, value: `${i}` }, () => reports[i]!++)
        void watch(producer.send({ topic, value: `${i}` }))
      }
      void watch(producer.send(upTo(100).map((i) => ({ topic, value: `${i}` }))))
      await scenario.advance('30s')
      expect(reports).toEqual(new Array(100).fill(1))
      expect(counts.resolved + counts.rejected).toBe(101)
      expect(producer.bufferedBytes).toBe(0)
      await producer.flush()
      await producer.close()
      expect(reports).toEqual(new Array(100).fill(1))
    }),
  )

  test('when the producer closes between them', () =>
    onTestkit({}, async (scenario) => {
      scenario.fault('Produce', { delay: '5s' })
      const producer = scenario.kafka.producer()
      const reports = new Array<number>(100).fill(0)
      for (let i = 0; i < 100; i++) {
        producer.enqueue({ topic: i % 2 === 0 ? 't' : 'nowhere', value: `${i}` }, () => reports[i]!++)
        if (i % 10 === 0) await scenario.advance(1)
      }
      await producer.close({ timeoutMs: 100 })
      await scenario.advance('20s')
      expect(reports).toEqual(new Array(100).fill(1))
    }))
})

describe('MESSAGE_TOO_LARGE from the broker', () => {
  test('splits batches until they fit: no record lost or repeated, in order, with the right offsets', () =>
    onTestkit({ configs: { 'max.message.bytes': 1500 } }, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBatchBytes: 8192 })
      const recordOf = (i: number) => ({ topic: 't', value: `${i} ${'x'.repeat(400)}` })
      const receipts = await producer.send(upTo(60).map(recordOf))
      expect(await numbersIn(scenario)).toEqual(upTo(60))
      expect(receipts.map(({ offset }) => offset)).toEqual(upTo(60).map(BigInt))
      expect(producer.bufferedBytes).toBe(0)
      // The size is remembered: later batches need no splitting.
      const before = scenario.seen(Produce).length
      await producer.send(upTo(12).map((i) => recordOf(60 + i)))
      expect(await numbersIn(scenario)).toEqual(upTo(72))
      const later = scenario.seen(Produce).slice(before)
      const batches = later.flatMap(({ body }) => contentsOf(body.topicData[0]!.partitionData[0]!.records!))
      expect(batches.length).toBeGreaterThan(3)
      expect(Math.max(...batches.map(({ batch }) => batch.bytes.length))).toBeLessThanOrEqual(1500)
    }))

  test('does not store a batch twice that the broker has and then rejects as too large', () =>
    onTestkit({}, async (scenario) => {
      scenario.fault('Produce', 'closeAfterWork', 'once')
      scenario.fault('Produce', { error: 'MESSAGE_TOO_LARGE' }, { nth: 2 })
      const records = upTo(10).map((i) => ({ topic: 't', value: `${i} ${'x'.repeat(100)}` }))
      const error = (await failure(scenario.kafka.producer().send(records))) as SendError
      for (const result of error.results) expect(result).toMatchObject({ outcome: 'unknown' })
      expect(await numbersIn(scenario)).toEqual(upTo(10))
    }))

  const earlier: { name: string; action: FaultRule['action'] }[] = [
    { name: 'NOT_LEADER_OR_FOLLOWER', action: { error: 'NOT_LEADER_OR_FOLLOWER' } },
    { name: 'NOT_ENOUGH_REPLICAS', action: { error: 'NOT_ENOUGH_REPLICAS' } },
    { name: 'a lost connection', action: 'close' },
  ]

  test.each(earlier)('splits the batch after $name too, and the parts keep its numbers', ({ action }) =>
    onTestkit({ configs: { 'max.message.bytes': 1500 } }, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBatchBytes: 8192 })
      await producer.send({ topic: 't', value: '0' })
      scenario.fault('Produce', action, 'once')
      await producer.send(upTo(10).map((i) => ({ topic: 't', value: `${i + 1} ${'x'.repeat(400)}` })))
      expect(await numbersIn(scenario)).toEqual(upTo(11))
      const stored = await scenario.stored('t')
      expect(stored.map(({ batch }) => batch.producerEpoch)).toEqual(stored.map(() => 0))
      expect(stored.map(({ batch }) => batch.baseSequence)).toEqual(stored.map(({ batch }) => Number(batch.baseOffset)))
    }),
  )

  test('rejects a single record that is too large, and no other', () =>
    onTestkit({ configs: { 'max.message.bytes': 1000 } }, async (scenario) => {
      const producer = scenario.kafka.producer()
      const { counts, watch } = tally()
      const values = ['a', 'x'.repeat(2000), 'b']
      await Promise.all(values.map((value) => watch(producer.send({ topic: 't', value }))))
      expect(counts).toMatchObject({ resolved: 2, rejected: 1 })
      expect(counts.errors[0]).toMatchObject({ code: 'MESSAGE_TOO_LARGE', outcome: 'not-written' })
      expect(counts.errors[0]!.message).toMatch(/The record takes 20\d\d bytes alone in a batch$/)
      expect(await scenario.values('t')).toEqual(['a', 'b'])
    }))

  test('names the record of an array that is too large, between others that are split', () =>
    onTestkit({ configs: { 'max.message.bytes': 1000 } }, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBatchBytes: 65_536 })
      const records = upTo(40).map((i) => ({ topic: 't', value: `${i} ${'x'.repeat(i === 23 ? 2_000 : 300)}` }))
      const error = (await failure(producer.send(records))) as SendError
      expect(error.results.map((result) => KafkaError.is(result) && result.code)).toEqual(
        upTo(40).map((i) => i === 23 && 'MESSAGE_TOO_LARGE'),
      )
      expect(await numbersIn(scenario)).toEqual(upTo(40).filter((i) => i !== 23))
    }))
})

describe('a full buffer', () => {
  test('stays bounded and settles 1,000 calls, half of them aborted while they wait for a leader', () =>
    onTestkit(headless, async (scenario) => {
      await loseLeader(scenario)
      const producer = scenario.kafka.producer({ maxBufferedBytes: 64_000, deliveryTimeoutMs: 20_000 })
      const { counts, watch } = tally()
      const controllers = upTo(1000).map(() => new AbortController())
      for (const { signal } of controllers) {
        void watch(producer.send({ topic: 't', value: 'x'.repeat(100) }, { signal }))
      }
      expect(producer.bufferedBytes).toBeLessThan(64_300)
      for (let i = 0; i < 1000; i += 2) controllers[i]!.abort()
      await scenario.advance(1)
      const aborted = counts.rejected
      expect(aborted).toBeGreaterThan(190)
      expect(counts.errors.every(({ code }) => code === 'ABORTED')).toBe(true)
      await scenario.cluster.broker(2).restart()
      await scenario.advance('5s')
      expect(counts.resolved + counts.rejected).toBe(1000)
      expect(counts.resolved).toBe(1000 - aborted)
      expect(producer.bufferedBytes).toBe(0)
    }))

  test('admits callers in their order, and arrays larger than the buffer in parts', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 1000 })
      const recordOf = (i: number) => ({ topic: 't', value: `${i} ${'x'.repeat(100)}`, partition: 0 })
      await producer.send(recordOf(0))
      const large = producer.send(upTo(100).map((i) => recordOf(1 + i)))
      const refused = await failure(producer.send({ topic: 't', value: '-1', partition: 0 }))
      expect(refused).toMatchObject({ code: 'BUFFER_FULL', retriable: true, outcome: 'not-written' })
      expect(producer.bufferedBytes).toBeLessThan(1300)
      expect(() => producer.enqueue({ topic: 't', value: 'no' })).toThrow(/full/)
      await producer.flush()
      expect(await large).toHaveLength(100)
      const small = upTo(15).map((i) => producer.send(recordOf(101 + i)))
      await Promise.all(small)
      expect(await numbersIn(scenario)).toEqual(upTo(116))
    }))

  test('ends lingering while a caller waits for space', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 1000, lingerMs: 1000 })
      await producer.send(upTo(100).map((i) => ({ topic: 't', value: `${i} ${'x'.repeat(100)}` })))
      // With a linger for each part of the array it would take more than ten seconds.
      expect(scenario.nowMs).toBeLessThan(2_000)
    }))

  test('an array that is aborted before any of it was sent leaves nothing in the log', () =>
    onTestkit(headless, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes: 1000 })
      await producer.send({ topic: 't', value: '0' })
      await loseLeader(scenario)
      const controller = new AbortController()
      const records = upTo(50).map((i) => ({ topic: 't', value: `${1 + i} ${'x'.repeat(100)}` }))
      const sent = failure(producer.send(records, { signal: controller.signal }))
      controller.abort()
      expect(await sent).toMatchObject({ code: 'ABORTED', outcome: 'not-written' })
      await scenario.cluster.broker(2).restart()
      await producer.send({ topic: 't', value: '1' })
      expect(await numbersIn(scenario)).toEqual([0, 1])
      expect(producer.bufferedBytes).toBe(0)
    }))

  test('leaves no listener on a signal that outlives the calls', () =>
    onTestkit({}, async ({ kafka }) => {
      const producer = kafka.producer({ maxBufferedBytes: 3_500 })
      const { signal } = new AbortController()
      const sent = upTo(50).map((i) => producer.send({ topic: 't', value: `${i} ${'x'.repeat(100)}` }, { signal }))
      const space = producer.room({ signal })
      const flushed = producer.flush({ signal })
      expect(getEventListeners(signal, 'abort')).toHaveLength(1)
      await Promise.all([...sent, space, flushed])
      expect(getEventListeners(signal, 'abort')).toEqual([])
    }))

  test('rejects callers that wait longer than the delivery timeout', () =>
    onTestkit({}, async (scenario) => {
      scenario.fault('Produce', 'hang')
      const producer = scenario.kafka.producer({ maxBufferedBytes: 1000, deliveryTimeoutMs: 5000 })
      const { counts, watch } = tally()
      for (let i = 0; i < 30; i++) void watch(producer.send({ topic: 't', value: 'x'.repeat(100) }))
      void watch(producer.room())
      await scenario.advance('12s')
      expect(counts.rejected).toBe(counts.errors.length)
      expect(counts.resolved + counts.rejected).toBe(31)
    }))
})

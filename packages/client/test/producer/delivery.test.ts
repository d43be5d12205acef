import { InitProducerId, Produce } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Producer, Receipt } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { contentsOf } from '../support/record-batches.ts'
import { failure } from '../support/settled.ts'

// Each case has cost users of other clients records, or blocked them.

const oneRecordABatch = { maxBatchBytes: 1024 }
const filler = 'x'.repeat(600)
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

/** `count` batches of one record each, in flight at the same time as far as the producer allows. */
function sendBatches(producer: Producer, count: number): Promise<Receipt>[] {
  return upTo(count).map((i) => producer.send({ topic: 't', value: `${i} ${filler}`, partition: 0 }))
}

const warm = '-1'

/** Until one record is delivered, a partition has one batch in flight at a time. */
async function warmProducer({ kafka }: Scenario, options = {}): Promise<Producer> {
  const producer = kafka.producer({ ...oneRecordABatch, ...options })
  await producer.send({ topic: 't', value: warm, partition: 0 })
  return producer
}

async function numbersIn(scenario: Scenario, partition = 0): Promise<number[]> {
  const values = await scenario.values('t', partition)
  return values.filter((value) => value !== warm).map((value) => Number.parseInt(value!, 10))
}

/** Long enough for the client to write everything, too short for a byte to arrive. */
const untilWritten = 0.01

describe('lost responses', () => {
  test.each([1, 5])(
    'records of many concurrent calls are stored once and in order, with maxInFlight %d',
    (maxInFlight) =>
      onTestkit({ topics: { t: 2 } }, async (scenario) => {
        // Every third request loses its response, in turn before and after the append.
        let count = 0
        const third = (offset: number) => () => count % 6 === offset
        scenario.fault('Produce', 'close', 'always', { when: () => ++count % 6 === 3 })
        scenario.fault('Produce', 'closeAfterWork', 'always', { when: third(0) })
        const producer = scenario.kafka.producer({ ...oneRecordABatch, maxInFlight })
        const sent = upTo(40).map((i) => producer.send({ topic: 't', value: `${i} ${filler}`, partition: i % 2 }))
        const receipts = await Promise.all(sent)
        expect(count).toBeGreaterThan(12)
        for (const partition of [0, 1]) {
          expect(await numbersIn(scenario, partition)).toEqual(upTo(20).map((i) => i * 2 + partition))
          const offsets = receipts.filter((receipt) => receipt.partition === partition).map(({ offset }) => offset)
          expect(offsets).toEqual(upTo(20).map(BigInt))
        }
      }),
  )

  const cases = [1, 2, 3, 4, 5].flatMap((inFlight) =>
    [...new Set([0, Math.floor(inFlight / 2), inFlight])].map((appended) => ({ inFlight, appended })),
  )

  test.each(cases)(
    'a connection lost with $inFlight batches in flight, $appended of them appended, loses and repeats none',
    ({ inFlight, appended }) =>
      onTestkit({}, async (scenario) => {
        const producer = await warmProducer(scenario)
        if (appended > 1) scenario.fault('Produce', 'dropResponse', { times: appended - 1 })
        if (appended === 0) scenario.fault('Produce', 'close', 'once')
        else scenario.fault('Produce', 'closeAfterWork', { nth: appended })
        // The last one is not full: it stays behind.
        const sent = sendBatches(producer, inFlight + 1)
        await scenario.advance(untilWritten)
        expect(scenario.kafka.metrics().gauges.requestsInFlight).toBe(inFlight)
        const receipts = await Promise.all(sent)
        expect(receipts.map(({ offset }) => offset)).toEqual(upTo(inFlight + 1).map((i) => BigInt(i + 1)))
        expect(await numbersIn(scenario)).toEqual(upTo(inFlight + 1))
      }),
  )

  test('DUPLICATE_SEQUENCE_NUMBER counts as a delivery without an offset', () =>
    onTestkit({}, async (scenario) => {
      scenario.fault('Produce', { error: 'DUPLICATE_SEQUENCE_NUMBER' })
      expect((await scenario.kafka.producer().send({ topic: 't', value: 'a' })).offset).toBeUndefined()
    }))
})

describe('topics that vanish', () => {
  test('a topic that is unknown for a moment keeps its sequence numbers', () =>
    onTestkit({ brokers: 2 }, async (scenario) => {
      const producer = scenario.kafka.producer()
      await producer.send(['a', 'b'].map((value) => ({ topic: 't', value })))
      const { leader } = scenario.cluster.partition('t', 0)
      const unknown = { error: 'UNKNOWN_TOPIC_OR_PARTITION' } as const
      scenario.fault('Produce', unknown, { until: '2s' }, { topic: 't' })
      scenario.fault('Metadata', unknown, { until: '2s' }, { topic: 't' })
      const startedMs = scenario.nowMs
      const sent = producer.send({ topic: 't', value: 'c' })
      await scenario.advance('1s')
      await scenario.cluster.reassign('t', 0, [3 - leader])
      expect((await sent).offset).toBe(2n)
      expect(scenario.nowMs - startedMs).toBeGreaterThan(1_900)
      expect(scenario.cluster.partition('t', 0).leader).toBe(3 - leader)
      const [first, second] = await scenario.stored('t')
      const { producerId, producerEpoch } = first!.batch
      expect(second!.batch).toMatchObject({ producerId, producerEpoch, baseSequence: 2 })
      expect(producerEpoch).toBe(0)
    }))

  test('a deleted topic fails alone within bounds; created again, it starts at sequence 0 of a new epoch', () =>
    onTestkit({ topics: { a: 1, b: 1 } }, async (scenario) => {
      const producer = scenario.kafka.producer()
      await producer.send({ topic: 'a', value: '1' })
      await scenario.deleteTopic('a')
      const lost = failure(producer.send({ topic: 'a', value: '2' }))
      await producer.send({ topic: 'b', value: 'b' })
      const deletedMs = scenario.nowMs
      expect(await lost).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'a' })
      // The metadata keeps it for topicTimeoutMs, and the record waits as long for it to exist again.
      expect(scenario.nowMs - deletedMs).toBeLessThan(11_000)
      const forgottenMs = scenario.nowMs
      const unknown = await failure(producer.send({ topic: 'a', value: '3' }))
      expect(unknown).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'a' })
      expect(scenario.nowMs - forgottenMs).toBeLessThan(6_000)
      await scenario.cluster.createTopic({ name: 'a', partitions: 1 })
      await producer.send({ topic: 'a', value: '4' })
      const [again] = await scenario.stored('a')
      expect(again!.values).toEqual(['4'])
      expect(again!.batch).toMatchObject({ producerEpoch: 1, baseSequence: 0 })
      await producer.send({ topic: 'b', value: 'b' })
      expect(await scenario.values('b')).toEqual(['b', 'b'])
    }))

  test('a record in flight while its topic is given up fails soon after its response', () =>
    onTestkit({ topics: { a: 1 } }, async (scenario) => {
      const producer = scenario.kafka.producer()
      await producer.send({ topic: 'a', value: '1' })
      scenario.fault('Produce', { delay: '20s' }, 'once')
      const lost = failure(producer.send({ topic: 'a', value: '2' }))
      await scenario.advance('100ms')
      await scenario.deleteTopic('a')
      const deletedMs = scenario.nowMs
      expect(await lost).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'a' })
      expect(scenario.nowMs - deletedMs).toBeGreaterThan(19_000)
      expect(scenario.nowMs - deletedMs).toBeLessThan(32_000)
      expect(producer.bufferedBytes).toBe(0)
    }))

  test('a topic that is created again between two calls starts at sequence 0 of a new epoch', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      await producer.send(['a', 'b'].map((value) => ({ topic: 't', value })))
      await scenario.deleteTopic('t')
      await scenario.cluster.createTopic({ name: 't', partitions: 1 })
      await producer.send({ topic: 't', value: 'c' })
      const [again] = await scenario.stored('t')
      expect(again!.values).toEqual(['c'])
      expect(again!.batch).toMatchObject({ producerEpoch: 1, baseSequence: 0 })
    }))
})

describe('a batch with an unknown outcome', () => {
  test('is retried under its sequence number after REQUEST_TIMED_OUT, and later records are no duplicates', () =>
    onTestkit({}, async (scenario) => {
      scenario.fault('Produce', { errorAfterWork: 'REQUEST_TIMED_OUT' }, 'once')
      const producer = scenario.kafka.producer()
      const controller = new AbortController()
      const first = producer.send({ topic: 't', value: 'a' }, { signal: controller.signal })
      while (scenario.seen(Produce).length === 0) await scenario.advance(1)
      controller.abort()
      const second = producer.send({ topic: 't', value: 'b' })
      await expect(first).resolves.toMatchObject({ offset: 0n })
      expect((await second).offset).toBe(1n)
      expect(await scenario.values('t')).toEqual(['a', 'b'])
    }))

  test.each([
    { name: 'and was appended', action: 'closeAfterWork', log: ['a', 'b'], epoch: 1 },
    { name: 'and was not appended', action: 'close', log: ['b'], epoch: 1 },
  ] as const)('that expires in flight $name makes the next one start a new epoch', ({ action, log, epoch }) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: 1000 })
      await expireInFlight(scenario, producer, action)
      const second = producer.send({ topic: 't', value: 'b' })
      await second
      expect(await scenario.values('t')).toEqual(log)
      expect((await scenario.stored('t')).at(-1)!.batch.producerEpoch).toBe(epoch)
    }),
  )

  test('that expires in flight needs no new epoch when a late response acknowledges it', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ deliveryTimeoutMs: 1000 })
      await expireInFlight(scenario, producer)
      const second = producer.send({ topic: 't', value: 'b' })
      expect((await second).offset).toBe(1n)
      expect((await scenario.stored('t')).map(({ batch }) => batch.producerEpoch)).toEqual([0, 0])
    }))

  /** Sends 'a' half a second late. Its request is served 200 ms after the record has expired. */
  async function expireInFlight(
    scenario: Scenario,
    producer: Producer,
    action?: 'close' | 'closeAfterWork',
  ): Promise<void> {
    scenario.fault('InitProducerId', { delay: '500ms' }, 'once')
    scenario.fault('Produce', { delay: '700ms' }, 'once')
    if (action !== undefined) scenario.fault('Produce', action, 'once')
    const expired = await failure(producer.send({ topic: 't', value: 'a' }))
    expect(expired).toMatchObject({ code: 'DELIVERY_TIMED_OUT', outcome: 'unknown', topic: 't', partition: 0 })
    expect(scenario.cluster.partition('t', 0).logEndOffset).toBe(0)
  }

  test.each([
    { appended: 3, log: [0, 1, 2, 3], epoch: 0 },
    { appended: 1, log: [0, 1, 2, 3], epoch: 0 },
    { appended: 0, log: [1, 2, 3], epoch: 1 },
  ])(
    'that expires does not change the numbers of later ones before the outcome is known: $appended of 3 appended',
    ({ appended, log, epoch }) =>
      onTestkit({}, async (scenario) => {
        const producer = await warmProducer(scenario, { deliveryTimeoutMs: 3000 })
        const send = (number: number) => producer.send({ topic: 't', value: `${number} ${filler}` })
        // The broker serves the first request after 3.1 s, and the two behind it then.
        scenario.fault('Produce', { delay: '3100ms' }, 'once')
        if (appended > 1) scenario.fault('Produce', 'dropResponse', { times: appended - 1 })
        if (appended === 0) scenario.fault('Produce', 'close', 'once')
        else scenario.fault('Produce', 'closeAfterWork', { nth: appended })
        const first = failure(send(0))
        await scenario.advance(2000)
        const later = [1, 2, 3].map(send)
        await scenario.advance(untilWritten)
        expect(scenario.kafka.metrics().gauges.requestsInFlight).toBe(3)
        expect(await first).toMatchObject({ outcome: 'unknown' })
        expect(scenario.cluster.partition('t', 0).logEndOffset).toBe(1)
        await Promise.all(later)
        expect(await numbersIn(scenario)).toEqual(log)
        expect((await scenario.stored('t')).at(-1)!.batch.producerEpoch).toBe(epoch)
      }),
  )
})

describe('retries keep the order', () => {
  test('without idempotence, with one request in flight', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ ...oneRecordABatch, idempotent: false, maxInFlight: 1 })
      scenario.fault('Produce', { error: 'NOT_LEADER_OR_FOLLOWER' }, 'once')
      await Promise.all(sendBatches(producer, 5))
      expect(await numbersIn(scenario)).toEqual(upTo(5))
    }))

  test.each([0, 1, 2, 3, 4])('with five batches in flight of which number %d fails', (failing) =>
    onTestkit({}, async (scenario) => {
      const producer = await warmProducer(scenario)
      scenario.fault('Produce', { error: 'NOT_ENOUGH_REPLICAS' }, { nth: failing + 1 })
      const sent = sendBatches(producer, 8)
      await scenario.advance(untilWritten)
      expect(scenario.kafka.metrics().gauges.requestsInFlight).toBe(5)
      const receipts = await Promise.all(sent)
      expect(receipts.map(({ offset }) => offset)).toEqual(upTo(8).map((i) => BigInt(i + 1)))
      expect(await numbersIn(scenario)).toEqual(upTo(8))
    }),
  )
})

describe('sequence numbers that the broker does not accept (KIP-360)', () => {
  test.each(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID'] as const)(
    '%s for five batches in flight makes all be sent again under a new epoch, once and in order',
    (error) =>
      onTestkit({}, async (scenario) => {
        const producer = await warmProducer(scenario)
        scenario.fault('Produce', { error }, { times: 5 })
        await Promise.all(sendBatches(producer, 7))
        expect(await numbersIn(scenario)).toEqual(upTo(7))
        const batches = (await scenario.stored('t')).slice(1).map(({ batch }) => batch)
        expect(batches.map(({ producerEpoch }) => producerEpoch)).toEqual(new Array(7).fill(1))
        expect(batches.map(({ baseSequence }) => baseSequence)).toEqual(upTo(7))
      }),
  )

  test('a rejected producer id is replaced', () =>
    onTestkit({}, async (scenario) => {
      scenario.fault('Produce', { error: 'INVALID_PRODUCER_EPOCH' }, 'once')
      await scenario.kafka.producer().send({ topic: 't', value: 'a' })
      expect(scenario.seen(InitProducerId)).toHaveLength(2)
      const [refused] = scenario.seen(Produce)
      const first = refused!.body.topicData[0]!.partitionData[0]!.records!
      const [stored] = await scenario.stored('t')
      expect(stored!.batch.producerId).not.toBe(contentsOf(first)[0]!.batch.producerId)
    }))

  test('a batch that the broker may have is not sent under another id: its outcome is unknown', () =>
    onTestkit({}, async (scenario) => {
      scenario.fault('Produce', 'closeAfterWork', 'once')
      scenario.fault('Produce', { error: 'INVALID_PRODUCER_EPOCH' }, { nth: 2 })
      const producer = scenario.kafka.producer()
      const error = await failure(producer.send({ topic: 't', value: 'a' }))
      expect(error).toMatchObject({ code: 'INVALID_PRODUCER_EPOCH', outcome: 'unknown' })
      await producer.send({ topic: 't', value: 'b' })
      expect(await scenario.values('t')).toEqual(['a', 'b'])
    }))

  test('a batch that is rejected for good leaves no gap before the next ones', () =>
    onTestkit({}, async (scenario) => {
      const producer = await warmProducer(scenario)
      scenario.fault('Produce', { error: 'INVALID_TIMESTAMP' }, 'once')
      const sent = sendBatches(producer, 5)
      await scenario.advance(untilWritten)
      expect(scenario.kafka.metrics().gauges.requestsInFlight).toBe(4)
      const results = await Promise.allSettled(sent)
      expect(results.map(({ status }) => status)).toEqual([
        'rejected',
        'fulfilled',
        'fulfilled',
        'fulfilled',
        'fulfilled',
      ])
      expect(await numbersIn(scenario)).toEqual([1, 2, 3, 4])
    }))
})

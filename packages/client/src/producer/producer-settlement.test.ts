import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { FakeCluster, Fate } from '../../test/producer/fake-cluster.ts'
import { failure, numbersIn, setUp, tally, upTo } from '../../test/producer/producer-setup.ts'
import { KafkaError } from '../errors.ts'
import type { SendError } from './receipt.ts'

// Each case is one that cost users of other clients data, or hung them; R numbers are those of the list of such cases.

describe('R11: everything settles exactly once', () => {
  const stages: { name: string; prepare: (cluster: FakeCluster) => void; topic: string }[] = [
    { name: 'metadata', topic: 'nowhere', prepare: () => {} },
    { name: 'write', topic: 't', prepare: (cluster) => set(cluster, { kind: 'lose', append: false }) },
    { name: 'response lost', topic: 't', prepare: (cluster) => set(cluster, { kind: 'lose', append: true }) },
    { name: 'response', topic: 't', prepare: (cluster) => set(cluster, { kind: 'error', code: 'POLICY_VIOLATION' }) },
    {
      name: 'retriable for ever',
      topic: 't',
      prepare: (cluster) => set(cluster, { kind: 'error', code: 'NOT_ENOUGH_REPLICAS' }),
    },
    { name: 'no leader', topic: 'headless', prepare: () => {} },
    { name: 'no answer', topic: 't', prepare: (cluster) => set(cluster, { kind: 'hold' }) },
  ]
  const set = (cluster: FakeCluster, fate: Fate) => {
    cluster.fate = () => fate
  }

  test.each(stages)('100 records, failing at: $name', async ({ prepare, topic }) => {
    const { cluster, producer, runtime } = setUp({ deliveryTimeoutMs: 10_000 }, { t: [1], headless: [-1] })
    prepare(cluster)
    const told = new Array<number>(100).fill(0)
    const { counts, watch } = tally()
    for (let i = 0; i < 100; i++) {
      producer.enqueue({ topic, value: `${i}` }, () => told[i]!++)
      void watch(producer.send({ topic, value: `${i}` }))
    }
    void watch(producer.send(upTo(100).map((i) => ({ topic, value: `${i}` }))))
    await runtime.advance(30_000)
    expect(told).toEqual(new Array(100).fill(1))
    expect(counts.resolved + counts.rejected).toBe(101)
    expect(producer.bufferedBytes).toBe(0)
    await producer.flush()
    await producer.close()
    expect(told).toEqual(new Array(100).fill(1))
    expect(runtime.timers).toBe(topic === 'nowhere' ? 0 : 0)
  })

  test('closing in the middle settles what is left', async () => {
    const { cluster, producer, runtime } = setUp()
    set(cluster, { kind: 'hold' })
    const told = new Array<number>(100).fill(0)
    for (let i = 0; i < 100; i++) {
      producer.enqueue({ topic: i % 2 === 0 ? 't' : 'nowhere', value: `${i}` }, () => told[i]!++)
      if (i % 10 === 0) await runtime.turns()
    }
    const closed = producer.close({ timeoutMs: 100 })
    await runtime.advance(100)
    await closed
    await runtime.turns()
    for (const request of cluster.produced) request.settle()
    await runtime.advance(10_000)
    expect(told).toEqual(new Array(100).fill(1))
  })
})

describe('R14: one bad record', () => {
  test('gets its own error; the others may be sent again', async () => {
    const { cluster, producer, turns } = setUp()
    const recordErrors = [{ batchIndex: 3, batchIndexErrorMessage: 'no key' }]
    cluster.fate = () => ({
      kind: 'error',
      code: 'INVALID_RECORD',
      fields: { recordErrors, errorMessage: 'compacted' },
    })
    const sent = failure(producer.send(upTo(10).map((i) => ({ topic: 't', value: `${i}` }))))
    await turns()
    const { results } = (await sent) as SendError
    const errors = results as KafkaError[]
    expect(errors[3]).toMatchObject({ code: 'INVALID_RECORD', retriable: false, outcome: 'not-written' })
    expect(errors[3]!.message).toContain('no key')
    for (const [i, error] of errors.entries()) if (i !== 3) expect(error.retriable).toBe(true)
  })
})

describe('MESSAGE_TOO_LARGE from the broker', () => {
  test('splits until it fits: none lost, none twice, in order, offsets right, also with batches behind', async () => {
    const { cluster, producer, runtime } = setUp({ maxBatchBytes: 8192 })
    cluster.log('t').maxBatchBytes = 1500
    const sent = producer.send(upTo(60).map((i) => ({ topic: 't', value: `${i} ${'x'.repeat(400)}` })))
    await runtime.advance(20_000)
    const receipts = await sent
    expect(numbersIn(cluster)).toEqual(upTo(60))
    expect(receipts.map(({ offset }) => offset)).toEqual(upTo(60).map(BigInt))
    expect(producer.bufferedBytes).toBe(0)
    // It has learned: a second round needs no splitting.
    cluster.produced.length = 0
    void producer.send(upTo(12).map((i) => ({ topic: 't', value: `${60 + i} ${'x'.repeat(400)}` })))
    await runtime.advance(1000)
    expect(numbersIn(cluster)).toEqual(upTo(72))
    expect(cluster.produced.every(({ batches }) => batches.every(({ bytes }) => bytes.length <= 1500))).toBe(true)
  })

  test('a batch that the broker may have is not split: its parts would not be known for duplicates', async () => {
    const { cluster, producer, runtime } = setUp()
    cluster.fate = (_request, number) => (number === 1 ? { kind: 'lose', append: true } : undefined)
    const sent = failure(producer.send(upTo(10).map((i) => ({ topic: 't', value: `${i} ${'x'.repeat(100)}` }))))
    await runtime.turns()
    cluster.log('t').maxBatchBytes = 800
    await runtime.advance(1000)
    const { results } = (await sent) as SendError
    expect(results[0]).toMatchObject({ code: 'MESSAGE_TOO_LARGE', outcome: 'unknown' })
    expect(numbersIn(cluster)).toEqual(upTo(10))
  })

  test('one record that is too large alone fails alone', async () => {
    const { cluster, producer, runtime } = setUp()
    cluster.log('t').maxBatchBytes = 1000
    const values = ['a', 'x'.repeat(2000), 'b']
    const sent = values.map((value) => producer.send({ topic: 't', value }))
    const { counts, watch } = tally()
    for (const promise of sent) void watch(promise)
    await runtime.advance(10_000)
    expect(counts).toMatchObject({ resolved: 2, rejected: 1 })
    expect(counts.errors[0]).toMatchObject({ code: 'MESSAGE_TOO_LARGE', outcome: 'not-written' })
    expect(cluster.log('t').values).toEqual(['a', 'b'])
  })
})

describe('R16: a full buffer', () => {
  test('1,000 sends, half of them cancelled while they wait, broker down: bounded memory, all settle', async () => {
    const { cluster, producer, runtime } = setUp({ maxBufferedBytes: 2000, deliveryTimeoutMs: 20_000 }, { t: [-1] })
    const { counts, watch } = tally()
    const controllers = upTo(1000).map(() => new AbortController())
    for (const [i, { signal }] of controllers.entries())
      void watch(producer.send({ topic: 't', value: 'x'.repeat(100), timestamp: i }, { signal }))
    expect(producer.bufferedBytes).toBeLessThan(2300)
    for (let i = 0; i < 1000; i += 2) controllers[i]!.abort()
    await runtime.turns()
    const waited = counts.rejected
    expect(waited).toBeGreaterThan(450)
    expect(counts.errors.every(({ code }) => code === 'ABORTED')).toBe(true)
    cluster.setTopic('t', [1])
    await runtime.advance(5000)
    expect(counts.resolved + counts.rejected).toBe(1000)
    expect(counts.resolved).toBe(1000 - waited)
    expect(producer.bufferedBytes).toBe(0)
  })

  test('who waits first gets in first; a later send never overtakes; arrays larger than the buffer get in by pieces', async () => {
    const { cluster, producer, runtime } = setUp({ maxBufferedBytes: 1000 })
    const big = producer.send(upTo(100).map((i) => ({ topic: 't', value: `${i} ${'x'.repeat(100)}`, partition: 0 })))
    const small = producer.send({ topic: 't', value: '100', partition: 0 })
    expect(producer.bufferedBytes).toBeLessThan(1300)
    expect(() => producer.enqueue({ topic: 't', value: 'no' })).toThrow(/full/)
    const flushed = producer.flush()
    await runtime.advance(1000)
    await flushed
    expect(await big).toHaveLength(100)
    await small
    expect(numbersIn(cluster)).toEqual(upTo(101))
  })

  test('nobody lingers while somebody waits for room', async () => {
    const { producer, runtime } = setUp({ maxBufferedBytes: 1000, lingerMs: 1000 })
    const sent = producer.send(upTo(100).map((i) => ({ topic: 't', value: `${i} ${'x'.repeat(100)}` })))
    await runtime.advance(1000)
    await sent
  })

  test('an array aborted half way: what is in goes on, the rest was not written', async () => {
    const { cluster, producer, runtime } = setUp({ maxBufferedBytes: 1000 }, { t: [-1] })
    const controller = new AbortController()
    const records = upTo(50).map((i) => ({ topic: 't', value: `${i} ${'x'.repeat(100)}` }))
    const sent = failure(producer.send(records, { signal: controller.signal }))
    controller.abort()
    cluster.setTopic('t', [1])
    await runtime.advance(1000)
    const { results } = (await sent) as SendError
    const written = results.filter((result) => !KafkaError.is(result)).length
    expect(written).toBeGreaterThan(5)
    expect(numbersIn(cluster)).toEqual(upTo(written))
    expect(results.at(-1)).toMatchObject({ code: 'ABORTED', outcome: 'not-written' })
  })

  test('a signal that lives long keeps no listener', async () => {
    const { producer, runtime } = setUp({ maxBufferedBytes: 500 })
    const { signal } = new AbortController()
    const sent = upTo(50).map((i) => producer.send({ topic: 't', value: `${i} ${'x'.repeat(100)}` }, { signal }))
    const room = producer.room({ signal })
    const flushed = producer.flush({ signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await runtime.advance(1000)
    await Promise.all([...sent, room, flushed])
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('who waits longer than the delivery timeout is told', async () => {
    const { cluster, producer, runtime } = setUp({ maxBufferedBytes: 1000, deliveryTimeoutMs: 5000 })
    cluster.fate = () => ({ kind: 'hold' })
    const { counts, watch } = tally()
    for (let i = 0; i < 30; i++) void watch(producer.send({ topic: 't', value: 'x'.repeat(100) }))
    void watch(producer.room())
    await runtime.advance(12_000)
    expect(counts.rejected).toBe(counts.errors.length)
    expect(counts.resolved + counts.rejected).toBe(31)
  })
})

describe('what no broker should do', () => {
  test('an exception in the handling of a response fails its batches, and later ones continue', async () => {
    const { cluster, producer, runtime } = setUp({}, { t: [1, 1] })
    // No codec decodes null there: it stands for any bug in the client's own code. The first partition is settled before it.
    const fields = (partition: number) => (partition === 0 ? { errorCode: 0 } : { recordErrors: null })
    cluster.fate = (_request, number) =>
      number === 1 ? { kind: 'error', code: 'INVALID_RECORD', append: true, fields } : undefined
    const good = producer.send({ topic: 't', value: 'a', partition: 0 })
    const sent = [1, 1].map((partition) => failure(producer.send({ topic: 't', value: 'a', partition })))
    await runtime.advance(1000)
    await good
    for (const error of await Promise.all(sent))
      expect(error).toMatchObject({ code: 'INTERNAL_ERROR', outcome: 'unknown' })
    const next = [0, 1].map((partition) => producer.send({ topic: 't', value: 'b', partition }))
    await runtime.advance(1000)
    await Promise.all(next)
    expect(cluster.log('t', 0).values).toEqual(['a', 'b'])
    expect(cluster.log('t', 1).values).toEqual(['a', 'a', 'b'])
  })

  test('an answer that leaves a partition out: the batch is tried again', async () => {
    const { cluster, producer, runtime } = setUp()
    cluster.fate = (_request, number) =>
      number === 1 ? { kind: 'error', code: 'NOT_ENOUGH_REPLICAS', fields: { index: 7 } } : undefined
    const sent = producer.send({ topic: 't', value: 'a' })
    await runtime.advance(1000)
    expect((await sent).offset).toBe(0n)
  })
})

describe('asking for metadata', () => {
  test('an answer that a leader moved asks for the topic; a leader that is missing is asked for in measure', async () => {
    const { cluster, producer, runtime } = setUp({}, { t: [1], headless: [-1] })
    cluster.fate = (_request, number) => (number === 1 ? { kind: 'error', code: 'NOT_LEADER_OR_FOLLOWER' } : undefined)
    void producer.send({ topic: 't', value: 'a' })
    await runtime.turns()
    expect(cluster.refreshes).toEqual(['a produce response shows that leaders moved'])
    for (let i = 0; i < 500; i++) {
      producer.enqueue({ topic: 'headless', value: 'x'.repeat(1000) })
      await runtime.turns()
    }
    expect(cluster.refreshes).toHaveLength(2)
    await runtime.advance(10_000)
    expect(cluster.refreshes.length).toBeGreaterThan(5)
    expect(cluster.refreshes.length).toBeLessThan(30)
  })
})

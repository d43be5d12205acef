import { getEventListeners, setMaxListeners } from 'node:events'
import { BatchReader } from '@ottla/codec/records'
import { describe, expect, test } from 'vitest'
import { FakeCluster, type FakeProduce, type Fate } from '../../test/producer/fake-cluster.ts'
import { KafkaError } from '../errors.ts'
import type { ProducerOptions } from './options.ts'
import { Producer } from './producer.ts'
import type { Receipt, SendError } from './receipt.ts'

// Each case is one that cost users of other clients data, or hung them; the names are those of the list of such cases.

function setUp(options: ProducerOptions = {}, topics: Record<string, number[]> = { t: [1] }) {
  const cluster = new FakeCluster(topics)
  const producer = new Producer(cluster.port, options)
  return { cluster, producer, runtime: cluster.runtime, turns: () => cluster.runtime.turns() }
}

async function failure(promise: Promise<unknown>): Promise<KafkaError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!KafkaError.is(error)) throw new Error(`expected a KafkaError, got ${String(error)}`)
  return error
}

/** Counts how often each of many promises or callbacks settles. */
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

/** `count` batches of one record each, all in flight at once. */
function sendBatches(producer: Producer, count: number, topic = 't'): Promise<Receipt>[] {
  const filler = 'x'.repeat(600)
  return Array.from({ length: count }, (_, i) => producer.send({ topic, value: `${i} ${filler}`, partition: 0 }))
}

const oneRecordABatch: ProducerOptions = { maxBatchBytes: 1024 }

function numbersIn(cluster: FakeCluster, topic = 't'): number[] {
  return cluster
    .log(topic)
    .values.map((value) => Number.parseInt(value, 10))
    .filter((number) => number !== warm)
}

const warm = -1

/** One record delivered: until then a partition has one batch in flight at a time. */
async function warmUp(cluster: FakeCluster, producer: Producer): Promise<void> {
  const sent = producer.send({ topic: 't', value: `${warm}`, partition: 0 })
  await cluster.runtime.turns()
  await sent
  cluster.produced.length = 0
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Answers held requests in an order of the test's choice. */
async function hold(cluster: FakeCluster, count: number): Promise<FakeProduce[]> {
  cluster.fate = () => ({ kind: 'hold' })
  await cluster.runtime.turns()
  expect(cluster.produced).toHaveLength(count)
  cluster.fate = () => undefined
  return cluster.produced.slice()
}

describe('R01, R02: many sends at once on few partitions', () => {
  test.each([1, 5])('all land once, in order, with offsets of their own (maxInFlight %d)', async (maxInFlight) => {
    const { cluster, producer, runtime } = setUp({ ...oneRecordABatch, maxInFlight }, { t: [1, 1] })
    // Each third request loses its answer, before or after the append.
    cluster.fate = (_request, number) => (number % 3 === 0 ? { kind: 'lose', append: number % 2 === 0 } : undefined)
    const sent = Array.from({ length: 40 }, (_, i) =>
      producer.send({ topic: 't', value: `${i} ${'x'.repeat(600)}`, partition: i % 2 }),
    )
    await runtime.advance(60_000)
    const receipts = await Promise.all(sent)
    for (const partition of [0, 1]) {
      const log = cluster.log('t', partition).values.map((value) => Number.parseInt(value, 10))
      expect(log).toEqual(upTo(20).map((i) => i * 2 + partition))
      const offsets = receipts.filter((receipt) => receipt.partition === partition).map(({ offset }) => offset)
      expect(offsets).toEqual(upTo(20).map(BigInt))
    }
  })
})

describe('R03, R15: topics that vanish', () => {
  test('a topic unknown for one refresh keeps its sequence numbers', async () => {
    const { cluster, producer, turns, runtime } = setUp()
    await sendAll(producer, ['a', 'b'], turns)
    cluster.forget('t')
    cluster.fate = (_request, number) =>
      number > 1 && cluster.topic('t') === undefined ? { kind: 'error', code: 'UNKNOWN_TOPIC_OR_PARTITION' } : undefined
    const sent = producer.send({ topic: 't', value: 'c' })
    await turns()
    await runtime.advance(2000)
    cluster.setTopic('t', [2])
    await runtime.advance(1000)
    expect((await sent).offset).toBe(2n)
    const { producerId, producerEpoch, baseSequence } = new BatchReader(cluster.log('t').batches[1]!).next()!
    expect({ producerId, producerEpoch, baseSequence }).toEqual({
      producerId: 1001n,
      producerEpoch: 0,
      baseSequence: 2,
    })
  })

  test('a deleted topic fails alone, in bounded time; created again it works, from sequence 0 of a new epoch', async () => {
    const { cluster, producer, runtime, turns } = setUp({}, { a: [1], b: [1] })
    await sendAll(producer, ['1'], turns, 'a')
    cluster.forget('a')
    cluster.logs.delete('a/0')
    cluster.fate = ({ batches }) =>
      batches.some(({ topic }) => topic === 'a') ? { kind: 'error', code: 'UNKNOWN_TOPIC_OR_PARTITION' } : undefined
    const lost = failure(producer.send({ topic: 'a', value: '2' }))
    await turns()
    await sendAll(producer, ['b'], turns, 'b')
    await runtime.advance(6000)
    expect(await lost).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'a' })
    const unknown = failure(producer.send({ topic: 'a', value: '3' }))
    await runtime.advance(6000)
    expect(await unknown).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'a' })
    cluster.fate = () => undefined
    cluster.setTopic('a', [1], Buffer.from('another topic id').toString('base64url'))
    await sendAll(producer, ['4'], turns, 'a')
    expect(cluster.log('a').values).toEqual(['4'])
    const batch = new BatchReader(cluster.log('a').batches[0]!).next()!
    expect([batch.producerEpoch, batch.baseSequence]).toEqual([1, 0])
    await sendAll(producer, ['b'], turns, 'b')
    expect(cluster.log('b').values).toEqual(['b', 'b'])
  })
})

test('a topic made anew while nothing is under way: the next batch begins at 0 of a new epoch', async () => {
  const { cluster, producer, turns } = setUp()
  await sendAll(producer, ['a', 'b'], turns)
  cluster.logs.clear()
  cluster.setTopic('t', [1], Buffer.from('another topic id').toString('base64url'))
  await sendAll(producer, ['c'], turns)
  const batch = new BatchReader(cluster.log('t').batches[0]!).next()!
  expect([batch.producerEpoch, batch.baseSequence]).toEqual([1, 0])
})

describe('R04: a connection lost with batches in flight', () => {
  const cases = [1, 2, 3, 4, 5].flatMap((inFlight) => [
    { inFlight, appended: 0 },
    { inFlight, appended: inFlight },
    { inFlight, appended: Math.floor(inFlight / 2) },
  ])

  test.each(cases)('$inFlight in flight, $appended of them appended', async ({ inFlight, appended }) => {
    const { cluster, producer, runtime } = setUp(oneRecordABatch)
    await warmUp(cluster, producer)
    // The last one is not full: it stays behind.
    const sent = sendBatches(producer, inFlight + 1)
    const requests = await hold(cluster, inFlight)
    for (const [i, request] of requests.entries()) request.settle({ kind: 'lose', append: i < appended })
    await runtime.advance(10_000)
    expect((await Promise.all(sent)).map(({ offset }) => offset)).toEqual(upTo(inFlight + 1).map((i) => BigInt(i + 1)))
    expect(numbersIn(cluster)).toEqual(upTo(inFlight + 1))
  })

  test('a DUPLICATE_SEQUENCE_NUMBER is a delivery without an offset', async () => {
    const { cluster, producer, turns } = setUp()
    cluster.fate = () => ({ kind: 'error', code: 'DUPLICATE_SEQUENCE_NUMBER' })
    const sent = producer.send({ topic: 't', value: 'a' })
    await turns()
    expect((await sent).offset).toBeUndefined()
  })
})

describe('R05: a batch that was sent once is frozen', () => {
  test('three retries carry the same bytes, and new records go elsewhere', async () => {
    const { cluster, producer, runtime, turns } = setUp({ lingerMs: 5 })
    const seen: Buffer[] = []
    cluster.fate = ({ batches }, number) => {
      seen.push(Buffer.from(batches[0]!.bytes))
      return number <= 3 ? { kind: 'error', code: 'NOT_ENOUGH_REPLICAS' } : undefined
    }
    producer.enqueue({ topic: 't', value: '0' })
    for (let i = 1; i < 10; i++) {
      await runtime.advance(100)
      producer.enqueue({ topic: 't', value: `${i}` })
    }
    await runtime.advance(10_000)
    await turns()
    for (const bytes of seen.slice(1, 4)) expect(bytes.equals(seen[0]!)).toBe(true)
    expect(numbersIn(cluster)).toEqual(upTo(10))
  })
})

describe('R07: an answer that leaves the outcome open', () => {
  test('TIMED_OUT after the append: the same sequence is tried again, no record of later is taken for a duplicate', async () => {
    const { cluster, producer, runtime } = setUp()
    cluster.fate = (_request, number) =>
      number === 1 ? { kind: 'error', code: 'REQUEST_TIMED_OUT', append: true } : undefined
    const controller = new AbortController()
    const first = producer.send({ topic: 't', value: 'a' }, { signal: controller.signal })
    await runtime.turns()
    controller.abort()
    const second = producer.send({ topic: 't', value: 'b' })
    await runtime.advance(1000)
    expect((await first).offset).toBe(0n)
    expect((await second).offset).toBe(1n)
    expect(cluster.log('t').values).toEqual(['a', 'b'])
  })

  const endings: { name: string; fate: Exclude<Fate, { kind: 'hold' }>; log: string[]; epoch: number }[] = [
    { name: 'and was appended', fate: { kind: 'lose', append: true }, log: ['a', 'b'], epoch: 1 },
    { name: 'and was not appended', fate: { kind: 'lose', append: false }, log: ['b'], epoch: 1 },
    { name: 'and is answered late', fate: { kind: 'lose', append: true }, log: ['a', 'b'], epoch: 1 },
  ]
  test.each(endings)(
    'a batch that expires in flight $name: unknown, and the next one lands',
    async ({ fate, log, epoch }) => {
      const { cluster, producer, runtime, turns } = setUp({ deliveryTimeoutMs: 1000 })
      cluster.fate = (_request, number) => (number === 1 ? { kind: 'hold' } : undefined)
      const first = failure(producer.send({ topic: 't', value: 'a' }))
      await runtime.advance(1000)
      expect(await first).toMatchObject({ code: 'DELIVERY_TIMED_OUT', outcome: 'unknown', topic: 't', partition: 0 })
      const second = producer.send({ topic: 't', value: 'b' })
      await turns()
      cluster.produced[0]!.settle(fate)
      await runtime.advance(500)
      await second
      expect(cluster.log('t').values).toEqual(log)
      expect(new BatchReader(cluster.log('t').batches.at(-1)!).next()!.producerEpoch).toBe(epoch)
    },
  )

  test('a late answer that says the expired batch is there spares the new epoch', async () => {
    const { cluster, producer, runtime, turns } = setUp({ deliveryTimeoutMs: 1000 })
    cluster.fate = (_request, number) => (number === 1 ? { kind: 'hold' } : undefined)
    const first = failure(producer.send({ topic: 't', value: 'a' }))
    await runtime.advance(1000)
    await first
    const second = producer.send({ topic: 't', value: 'b' })
    await turns()
    cluster.produced[0]!.settle()
    await turns()
    expect((await second).offset).toBe(1n)
    expect(new BatchReader(cluster.log('t').batches[1]!).next()!.producerEpoch).toBe(0)
  })

  test.each([
    { appended: 3, log: [0, 1, 2, 3], epoch: 0 },
    { appended: 1, log: [0, 1, 2, 3], epoch: 0 },
    { appended: 0, log: [1, 2, 3], epoch: 1 },
  ])(
    'batches behind an expired one keep their numbers until the broker has told ($appended of 3 appended)',
    async ({ appended, log, epoch }) => {
      const { cluster, producer, runtime } = setUp({ ...oneRecordABatch, deliveryTimeoutMs: 3000 })
      await warmUp(cluster, producer)
      const value = (number: number) => ({ topic: 't', value: `${number} ${'x'.repeat(600)}` })
      cluster.fate = () => ({ kind: 'hold' })
      const first = failure(producer.send(value(0)))
      await runtime.advance(2000)
      const later = [1, 2, 3].map((number) => producer.send(value(number)))
      await runtime.advance(1000)
      expect(await first).toMatchObject({ outcome: 'unknown' })
      expect(cluster.produced).toHaveLength(3)
      cluster.fate = () => undefined
      const requests = cluster.produced.slice()
      for (const [i, request] of requests.entries()) request.settle({ kind: 'lose', append: i < appended })
      await runtime.advance(1500)
      await Promise.all(later)
      expect(numbersIn(cluster)).toEqual(log)
      expect(new BatchReader(cluster.log('t').batches.at(-1)!).next()!.producerEpoch).toBe(epoch)
    },
  )
})

describe('R08: bytes on the wire belong to nobody else', () => {
  test('a batch that expires while its bytes wait in the socket is not filled anew', async () => {
    const { cluster, producer, runtime, turns } = setUp({ deliveryTimeoutMs: 1000 }, { a: [1], b: [2] })
    cluster.fate = ({ brokerId }) => (brokerId === 1 ? { kind: 'hold' } : undefined)
    const lost = failure(producer.send({ topic: 'a', value: 'for a' }))
    await runtime.advance(1000)
    await lost
    const stalled = Buffer.from(cluster.produced[0]!.batches[0]!.bytes)
    for (let i = 0; i < 20; i++) await sendAll(producer, [`for b ${i}`], turns, 'b')
    expect(Buffer.from(cluster.produced[0]!.batches[0]!.bytes).equals(stalled)).toBe(true)
    cluster.produced[0]!.settle()
    await turns()
    expect(cluster.log('a').values).toEqual(['for a'])
  })

  test('nor is one whose numbers are given anew while an earlier attempt may still lie in a socket', async () => {
    const { cluster, producer, runtime } = setUp()
    cluster.fate = (_request, number) =>
      number === 1 ? { kind: 'error', code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' } : undefined
    const sent = producer.send({ topic: 't', value: 'a' })
    await runtime.advance(1000)
    await sent
    const [first, second] = cluster.produced.map(({ batches }) => new BatchReader(batches[0]!.bytes).next()!)
    expect([first!.producerEpoch, second!.producerEpoch]).toEqual([0, 1])
    expect(first!.verifyCrc() && second!.verifyCrc()).toBe(true)
  })

  test('answered batches give their buffers to later ones', async () => {
    const { cluster, producer, turns } = setUp()
    for (let i = 0; i < 5; i++) await sendAll(producer, [`${i}`], turns)
    const buffers = new Set(cluster.produced.map(({ batches }) => batches[0]!.bytes.buffer))
    expect(buffers.size).toBe(1)
    expect(numbersIn(cluster)).toEqual(upTo(5))
  })
})

describe('R10: retries and order', () => {
  test('with maxInFlight 1 and no idempotence the retry comes before later batches', async () => {
    const { cluster, producer, runtime } = setUp({ ...oneRecordABatch, idempotent: false, maxInFlight: 1 })
    cluster.fate = (_request, number) => (number === 1 ? { kind: 'error', code: 'NOT_LEADER_OR_FOLLOWER' } : undefined)
    const sent = sendBatches(producer, 5)
    await runtime.advance(5000)
    await Promise.all(sent)
    expect(numbersIn(cluster)).toEqual(upTo(5))
  })

  test.each([0, 1, 2, 3, 4])(
    'with idempotence and five in flight: batch %d fails, the order stays',
    async (failing) => {
      const { cluster, producer, runtime } = setUp(oneRecordABatch)
      await warmUp(cluster, producer)
      const sent = sendBatches(producer, 8)
      const requests = await hold(cluster, 5)
      for (const [i, request] of requests.entries()) {
        request.settle(i === failing ? { kind: 'error', code: 'NOT_ENOUGH_REPLICAS' } : undefined)
      }
      await runtime.advance(5000)
      expect((await Promise.all(sent)).map(({ offset }) => offset)).toEqual(upTo(8).map((i) => BigInt(i + 1)))
      expect(numbersIn(cluster)).toEqual(upTo(8))
    },
  )

  test('a leader that moves: its batches follow, in order, after those under way have come back', async () => {
    const { cluster, producer, runtime } = setUp(oneRecordABatch)
    await warmUp(cluster, producer)
    const sent = sendBatches(producer, 8)
    const requests = await hold(cluster, 5)
    cluster.setTopic('t', [2])
    await runtime.turns()
    expect(cluster.produced).toHaveLength(5)
    for (const request of requests) request.settle({ kind: 'error', code: 'NOT_LEADER_OR_FOLLOWER' })
    await runtime.turns()
    await Promise.all(sent)
    expect(cluster.produced.slice(5).every(({ brokerId }) => brokerId === 2)).toBe(true)
    expect(numbersIn(cluster)).toEqual(upTo(8))
  })

  test('without idempotence too: what is under way to the old leader comes back before anything goes to the new one', async () => {
    const { cluster, producer, runtime } = setUp({ ...oneRecordABatch, idempotent: false })
    await warmUp(cluster, producer)
    const sent = sendBatches(producer, 4)
    const requests = await hold(cluster, 3)
    cluster.setTopic('t', [2])
    const later = sendBatches(producer, 4)
    await runtime.turns()
    expect(cluster.produced).toHaveLength(3)
    for (const request of requests) request.settle()
    await runtime.turns()
    await Promise.all([...sent, ...later])
    expect(numbersIn(cluster)).toEqual([...upTo(4), ...upTo(4)])
  })

  test('a broker that forgot the producer takes any number: so after trouble one batch goes first', async () => {
    const { cluster, producer, runtime } = setUp(oneRecordABatch)
    await warmUp(cluster, producer)
    const sent = sendBatches(producer, 6)
    const requests = await hold(cluster, 5)
    cluster.log('t').producers.clear()
    cluster.fate = (_request, number) => (number === 6 ? { kind: 'error', code: 'NOT_ENOUGH_REPLICAS' } : undefined)
    for (const request of requests) request.settle({ kind: 'error', code: 'NOT_ENOUGH_REPLICAS' })
    await runtime.advance(5000)
    await Promise.all(sent)
    expect(numbersIn(cluster)).toEqual(upTo(6))
  })

  test('KIP-951: the leader that an error names is tried at once', async () => {
    const { cluster, producer, runtime, turns } = setUp()
    const fields = { currentLeader: { leaderId: 3, leaderEpoch: 9 } }
    cluster.fate = ({ brokerId }) =>
      brokerId === 1 ? { kind: 'error', code: 'NOT_LEADER_OR_FOLLOWER', fields } : undefined
    const sent = producer.send({ topic: 't', value: 'a' })
    const before = runtime.nowMs
    await turns()
    await sent
    expect(runtime.nowMs).toBe(before)
    expect(cluster.produced.map(({ brokerId }) => brokerId)).toEqual([1, 3])
    expect(cluster.refreshes).toEqual([])
  })
})

describe('KIP-360: sequence numbers that the broker does not accept', () => {
  test.each(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID'] as const)(
    '%s on the first of five: all go again under a new epoch, none twice, in order',
    async (code) => {
      const { cluster, producer, runtime } = setUp(oneRecordABatch)
      await warmUp(cluster, producer)
      const sent = sendBatches(producer, 7)
      const requests = await hold(cluster, 5)
      for (const request of requests) request.settle({ kind: 'error', code })
      await runtime.advance(5000)
      await Promise.all(sent)
      expect(numbersIn(cluster)).toEqual(upTo(7))
      const batches = cluster
        .log('t')
        .batches.slice(1)
        .map((bytes) => new BatchReader(bytes).next()!)
      expect(batches.map(({ producerEpoch }) => producerEpoch)).toEqual(new Array(7).fill(1))
      expect(batches.map(({ baseSequence }) => baseSequence)).toEqual(upTo(7))
    },
  )

  test('a refused producer id is replaced', async () => {
    const { cluster, producer, runtime } = setUp()
    cluster.fate = (_request, number) => (number === 1 ? { kind: 'error', code: 'INVALID_PRODUCER_EPOCH' } : undefined)
    const sent = producer.send({ topic: 't', value: 'a' })
    await runtime.advance(1000)
    await sent
    expect(new BatchReader(cluster.log('t').batches[0]!).next()!.producerId).toBe(1002n)
  })

  test('a batch that the broker may have is not sent under another id: its outcome is unknown', async () => {
    const { cluster, producer, runtime } = setUp()
    cluster.fate = (_request, number) => {
      if (number === 1) return { kind: 'lose', append: true }
      return number === 2 ? { kind: 'error', code: 'INVALID_PRODUCER_EPOCH' } : undefined
    }
    const first = failure(producer.send({ topic: 't', value: 'a' }))
    await runtime.advance(1000)
    expect(await first).toMatchObject({ code: 'INVALID_PRODUCER_EPOCH', outcome: 'unknown' })
    const second = producer.send({ topic: 't', value: 'b' })
    await runtime.advance(1000)
    await second
    expect(cluster.log('t').values).toEqual(['a', 'b'])
  })

  test('when the epochs are used up a new id is asked for', async () => {
    const { cluster, producer, runtime } = setUp()
    cluster.onInit = () => ({ errorCode: 0, producerId: BigInt(cluster.initialised), producerEpoch: 0x7fff })
    cluster.fate = (_request, number) =>
      number === 1 ? { kind: 'error', code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' } : undefined
    const sent = producer.send({ topic: 't', value: 'a' })
    await runtime.advance(1000)
    await sent
    expect(cluster.initialised).toBe(2)
  })

  test('a batch refused for good leaves no hole for the next ones', async () => {
    const { cluster, producer, runtime } = setUp(oneRecordABatch)
    await warmUp(cluster, producer)
    const sent = sendBatches(producer, 5)
    const requests = await hold(cluster, 4)
    const { counts, watch } = tally()
    for (const promise of sent) void watch(promise)
    requests[0]!.settle({ kind: 'error', code: 'INVALID_TIMESTAMP' })
    for (const request of requests.slice(1)) request.settle()
    await runtime.advance(5000)
    expect(counts).toMatchObject({ resolved: 4, rejected: 1 })
    expect(numbersIn(cluster)).toEqual([1, 2, 3, 4])
  })
})

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

describe('R12: numbers that wrap', () => {
  test('after sequence 2147483647 comes 0', async () => {
    const { sequenceAfter } = await import('./sequences.ts')
    expect(sequenceAfter(0x7fff_fffd, 2)).toBe(0x7fff_ffff)
    expect(sequenceAfter(0x7fff_fffd, 3)).toBe(0)
    expect(sequenceAfter(0x7fff_ffff, 5)).toBe(4)
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
    setMaxListeners(100, signal)
    const sent = upTo(50).map((i) => producer.send({ topic: 't', value: `${i} ${'x'.repeat(100)}` }, { signal }))
    const room = producer.room({ signal })
    const flushed = producer.flush({ signal })
    expect(getEventListeners(signal, 'abort').length).toBeGreaterThan(40)
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

async function sendAll(producer: Producer, values: string[], turns: () => Promise<void>, topic = 't'): Promise<void> {
  const sent = producer.send(values.map((value) => ({ topic, value })))
  await turns()
  await sent
}

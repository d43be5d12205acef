import { RecordBatchReader } from '@ottla/codec/records'
import { describe, expect, test } from 'vitest'
import type { Fate } from '../../test/producer/fake-cluster.ts'
import {
  failure,
  hold,
  numbersIn,
  oneRecordABatch,
  sendAll,
  sendBatches,
  setUp,
  tally,
  upTo,
  warmUp,
} from '../../test/producer/producer-setup.ts'

// Each case is one that cost users of other clients data, or hung them; R numbers are those of the list of such cases.

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
    const { producerId, producerEpoch, baseSequence } = new RecordBatchReader(cluster.log('t').batches[1]!).next()!
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
    const batch = new RecordBatchReader(cluster.log('a').batches[0]!).next()!
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
  const batch = new RecordBatchReader(cluster.log('t').batches[0]!).next()!
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
      expect(new RecordBatchReader(cluster.log('t').batches.at(-1)!).next()!.producerEpoch).toBe(epoch)
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
    expect(new RecordBatchReader(cluster.log('t').batches[1]!).next()!.producerEpoch).toBe(0)
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
      expect(new RecordBatchReader(cluster.log('t').batches.at(-1)!).next()!.producerEpoch).toBe(epoch)
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
    const [first, second] = cluster.produced.map(({ batches }) => new RecordBatchReader(batches[0]!.bytes).next()!)
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
        .map((bytes) => new RecordBatchReader(bytes).next()!)
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
    expect(new RecordBatchReader(cluster.log('t').batches[0]!).next()!.producerId).toBe(1002n)
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

describe('R12: numbers that wrap', () => {
  test('after sequence 2147483647 comes 0', async () => {
    const { sequenceAfter } = await import('./sequences.ts')
    expect(sequenceAfter(0x7fff_fffd, 2)).toBe(0x7fff_ffff)
    expect(sequenceAfter(0x7fff_fffd, 3)).toBe(0)
    expect(sequenceAfter(0x7fff_ffff, 5)).toBe(4)
  })
})

import { RecordBatchReader } from '@ottla/codec/records'
import { describe, expect, test } from 'vitest'
import { failure, setUp } from '../../test/producer/producer-setup.ts'
import { type Receipt, SendError } from './receipt.ts'

describe('send', () => {
  test('gives a receipt with topic, partition, offset and time', async () => {
    const { producer, turns } = setUp()
    const first = producer.send({ topic: 't', value: 'a', timestamp: 77 })
    const second = producer.send({ topic: 't', value: 'b' })
    await turns()
    expect((await first).toJSON()).toEqual({ topic: 't', partition: 0, offset: '0', timestamp: 77 })
    expect((await second).offset).toBe(1n)
  })

  test('gives the receipts of an array in its order, over many partitions', async () => {
    const { cluster, producer, turns } = setUp({}, { t: [1, 2, 3], u: [2] })
    const records = Array.from({ length: 50 }, (_, i) => ({
      topic: i % 7 === 0 ? 'u' : 't',
      key: `k${i}`,
      value: `v${i}`,
    }))
    const sent = producer.send(records)
    await turns()
    const receipts = await sent
    expect(receipts).toHaveLength(50)
    receipts.forEach((receipt, i) => {
      expect(receipt.topic).toBe(records[i]!.topic)
      expect(cluster.log(receipt.topic, receipt.partition).values[Number(receipt.offset)]).toBe(`v${i}`)
    })
  })

  test('resolves an empty array at once', async () => {
    expect(await setUp().producer.send([])).toEqual([])
  })

  test('writes strings, bytes, nulls and headers', async () => {
    const { cluster, producer, turns } = setUp()
    const headers = { a: 'x', b: [Buffer.from('y'), null] }
    void producer.send({ topic: 't', key: 'é', value: new Uint8Array([104, 105]), headers })
    void producer.send({ topic: 't', value: null, headers: [{ key: 'c', value: '1' }] })
    void producer.send({ topic: 't', value: 'z', headers: [['d', 'e']] })
    await turns()
    expect(cluster.log('t').keys).toEqual(['é', null, null])
    expect(cluster.log('t').values).toEqual(['hi', '', 'z'])
  })

  test.each([
    [{ value: 'x' }, "needs a 'topic'"],
    [{ topic: 't', value: 5 }, "'value' that is a number"],
    [{ topic: 't', key: {} }, "'key' that is an object"],
    [{ topic: 't', partition: -1 }, "'partition'"],
    [{ topic: 't', timestamp: 1.5 }, "'timestamp'"],
    [{ topic: 't', headers: { a: 1 } }, "header 'a'"],
    [{ topic: 't', headers: [{ value: 'x' }] }, "header without a 'key'"],
  ])('refuses %j', async (record, words) => {
    const { cluster, producer, turns } = setUp()
    const error = await failure(producer.send([{ topic: 't', value: 'good' }, record as never]))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-written' })
    expect(error.message).toContain('index 1')
    expect(error.message).toContain(words)
    await turns()
    expect(cluster.produced).toHaveLength(0)
  })

  test('says that a record is too large, names the limit, and sends the others of the array', async () => {
    const { producer, turns } = setUp({ maxRequestBytes: 5000 })
    const sent = producer.send([
      { topic: 't', value: 'a' },
      { topic: 't', value: 'x'.repeat(5000) },
    ])
    const caught = failure(sent)
    await turns()
    const error = (await caught) as SendError
    expect(error).toBeInstanceOf(SendError)
    expect((error.results[0] as Receipt).offset).toBe(0n)
    expect(error.results[1]).toMatchObject({ code: 'MESSAGE_TOO_LARGE', topic: 't' })
    expect(error.message).toContain('maxRequestBytes (5000)')
  })

  test('takes a large ASCII record that a bound of three bytes a character would refuse', async () => {
    const { cluster, producer, turns } = setUp()
    const sent = producer.send({ topic: 't', value: 'x'.repeat(900_000) })
    await turns()
    expect((await sent).offset).toBe(0n)
    expect(cluster.log('t').values[0]).toHaveLength(900_000)
  })

  test('a partition that is not there is named', async () => {
    const { producer, turns } = setUp()
    await turns()
    const error = failure(producer.send({ topic: 't', value: 'a', partition: 4 }))
    await turns()
    expect(await error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', partition: 4 })
    expect((await error).message).toContain('partitions 0 to 0')
  })
})

describe('enqueue', () => {
  test('tells each record once, and says false when the buffer is full', async () => {
    const { producer, turns } = setUp({ maxBufferedBytes: 1000 })
    const told: (bigint | undefined)[] = []
    let taken = 0
    while (producer.enqueue({ topic: 't', value: 'x'.repeat(100) }, (_error, receipt) => told.push(receipt?.offset)))
      taken++
    expect(taken).toBeGreaterThan(5)
    expect(() => producer.enqueue({ topic: 't', value: 'x' })).toThrow(expect.objectContaining({ code: 'BUFFER_FULL' }))
    const room = producer.room()
    await turns()
    await room
    expect(told).toEqual(Array.from({ length: taken + 1 }, (_, i) => BigInt(i)))
    expect(producer.enqueue({ topic: 't', value: 'y' })).toBe(true)
  })

  test('an onSettled that throws does not keep the others from being told', async () => {
    const { producer, turns } = setUp()
    const uncaught: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    let told = 0
    producer.enqueue({ topic: 't', value: 'a' }, () => {
      throw new Error('user bug')
    })
    producer.enqueue({ topic: 't', value: 'b' }, () => told++)
    await turns()
    await new Promise((resolve) => setImmediate(resolve))
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(told).toBe(1)
    expect(uncaught).toEqual([expect.objectContaining({ message: 'user bug' })])
  })
})

describe('batching', () => {
  test('what is sent in one turn goes in one request; more gathers while it is under way', async () => {
    const { cluster, producer, turns } = setUp()
    cluster.fate = () => ({ kind: 'hold' })
    for (let i = 0; i < 10; i++) producer.enqueue({ topic: 't', value: `a${i}` })
    await turns()
    expect(cluster.produced).toHaveLength(1)
    for (let i = 0; i < 10; i++) {
      producer.enqueue({ topic: 't', value: `b${i}` })
      await turns()
    }
    expect(cluster.produced).toHaveLength(1)
    cluster.produced[0]!.settle()
    await turns()
    expect(cluster.produced).toHaveLength(2)
    cluster.produced[1]!.settle()
    await turns()
    expect(cluster.log('t').batches).toHaveLength(2)
    expect(cluster.log('t').values).toHaveLength(20)
  })

  test('full batches leave without waiting, up to maxInFlight, one a partition in a request', async () => {
    const { cluster, producer, turns } = setUp({ maxBatchBytes: 1024, maxInFlight: 3, acks: 1 }, { t: [1, 1] })
    cluster.fate = () => ({ kind: 'hold' })
    for (let i = 0; i < 40; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(400), partition: i % 2 })
    await turns()
    expect(cluster.produced).toHaveLength(3)
    for (const request of cluster.produced)
      expect(request.batches.map(({ partition }) => partition).sort()).toEqual([0, 1])
    cluster.produced[0]!.settle()
    await turns()
    expect(cluster.produced).toHaveLength(4)
  })

  test('a request keeps to maxRequestBytes', async () => {
    const { cluster, producer, turns } = setUp({ maxRequestBytes: 4096 }, { t: [1, 1, 1, 1] })
    for (let i = 0; i < 4; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(1500), partition: i })
    await turns()
    expect(cluster.produced.map(({ batches }) => batches.length)).toEqual([2, 2])
    cluster.fate = () => ({ kind: 'hold' })
    for (let i = 0; i < 4; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(1500), partition: i })
    await turns()
    // Both at once, though no batch is full: there is more than a request carries.
    expect(cluster.produced).toHaveLength(4)
  })

  test('linger waits for company, a full batch and flush do not', async () => {
    const { cluster, producer, runtime, turns } = setUp({ lingerMs: 50, maxBatchBytes: 1024 })
    producer.enqueue({ topic: 't', value: 'a' })
    await runtime.advance(49)
    expect(cluster.produced).toHaveLength(0)
    await runtime.advance(1)
    expect(cluster.log('t').values).toEqual(['a'])
    for (let i = 0; i < 3; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(400) })
    await turns()
    expect(cluster.log('t').values).toHaveLength(3)
    const flushed = producer.flush()
    await turns()
    await flushed
    expect(cluster.log('t').values).toHaveLength(4)
  })

  test('records without a key spread: a partition a batch, never one without a leader', async () => {
    const { cluster, producer, turns } = setUp({}, { t: [1, 2, -1, 1] })
    const used = new Set<number>()
    for (let i = 0; i < 40; i++) {
      const sent = producer.send([
        { topic: 't', value: 'a' },
        { topic: 't', value: 'b' },
      ])
      await turns()
      const [a, b] = await sent
      expect(a!.partition).toBe(b!.partition)
      used.add(a!.partition)
    }
    expect([...used].sort()).toEqual([0, 1, 3])
    expect(cluster.produced).toHaveLength(40)
  })

  test.each(['gzip', 'snappy', 'lz4'] as const)('compresses with %s, in order', async (compression) => {
    const { cluster, producer, turns } = setUp({ compression, compressionLevel: 6 })
    const values = Array.from({ length: 100 }, (_, i) => `value ${i}`)
    const sent = producer.send(values.map((value) => ({ topic: 't', value })))
    await turns()
    await sent
    expect(cluster.log('t').values).toEqual(values)
    expect(new RecordBatchReader(cluster.log('t').batches[0]!).next()!.compression).toBe(compression)
  })

  test('topics go by id from version 13 on, by name before', async () => {
    const { cluster, producer, turns } = setUp()
    cluster.version = 13
    const sent = producer.send({ topic: 't', value: 'a' })
    await turns()
    expect((await sent).offset).toBe(0n)
    expect(cluster.produced[0]!.body.topicData![0]).not.toHaveProperty('name')
    cluster.setTopic('old', [1], 'AAAAAAAAAAAAAAAAAAAAAA')
    void producer.send({ topic: 'old', value: 'a' })
    await turns()
    expect(cluster.produced[1]!.body.topicData![0]).toMatchObject({ name: 'old' })
  })
})

describe('acks', () => {
  test('0 settles when the bytes have left, without an offset', async () => {
    const { producer, turns } = setUp({ acks: 0 })
    const sent = producer.send({ topic: 't', value: 'a' })
    await turns()
    expect((await sent).offset).toBeUndefined()
  })

  test('1 goes without a producer id', async () => {
    const { cluster, producer, turns } = setUp({ acks: 1 })
    void producer.send({ topic: 't', value: 'a' })
    await turns()
    expect(cluster.initialised).toBe(0)
    expect(cluster.produced[0]!.body.acks).toBe(1)
  })

  test('idempotence needs all, and at most 5 in flight', () => {
    expect(() => setUp({ acks: 1, idempotent: true })).toThrow(
      /'idempotent' of kafka.producer\(\) requires acks: 'all', not 1/,
    )
    expect(() => setUp({ maxInFlight: 6 })).toThrow(/'maxInFlight' of kafka.producer\(\) must be at most 5/)
    expect(setUp({ maxInFlight: 6, idempotent: false }).producer.options.idempotent).toBe(false)
  })

  test('without a producer id nothing is sent, and a refusal says what to do', async () => {
    const { cluster, producer, turns } = setUp()
    cluster.onInit = () => ({ errorCode: 31, producerId: -1n, producerEpoch: -1 })
    const sent = failure(producer.send({ topic: 't', value: 'a' }))
    await turns()
    expect(await sent).toMatchObject({ code: 'CLUSTER_AUTHORIZATION_FAILED', outcome: 'not-written' })
    expect((await sent).hint).toContain('idempotent: false')
    cluster.onInit = () => ({ errorCode: 0, producerId: 5n, producerEpoch: 0 })
    const again = producer.send({ topic: 't', value: 'b' })
    await turns()
    expect((await again).offset).toBe(0n)
  })
})

describe('unknown topics', () => {
  test('records wait in order until the topic is known', async () => {
    const { cluster, producer, turns } = setUp()
    const sent = producer.send(['a', 'b', 'c'].map((value) => ({ topic: 'late', value, partition: 0 })))
    const last = producer.send({ topic: 'late', value: 'd', partition: 0 })
    await turns()
    cluster.setTopic('late', [2])
    await turns()
    await sent
    await last
    expect(cluster.log('late').values).toEqual(['a', 'b', 'c', 'd'])
    expect(producer.bufferedBytes).toBe(0)
  })

  test('fail by topicTimeoutMs with the topic named, and other topics go on', async () => {
    const { producer, runtime, turns } = setUp()
    const lost = failure(producer.send({ topic: 'nowhere', value: 'a' }))
    const good = producer.send({ topic: 't', value: 'a' })
    await turns()
    await good
    await runtime.advance(5000)
    expect(await lost).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'nowhere', outcome: 'not-written' })
    expect(producer.bufferedBytes).toBe(0)
  })
})

describe('custom partitioner', () => {
  test('decides by what it is given, and is held to its contract', async () => {
    const { cluster, producer, turns } = setUp(
      { partitioner: ({ key, partitionCount }) => (key === 'bad' ? partitionCount : String(key) < 'N' ? 0 : 1) },
      { t: [1, 2] },
    )
    const sent = producer.send(['Alice', 'Zoe', 'Mike'].map((key) => ({ topic: 't', key, value: key })))
    await turns()
    await sent
    expect(cluster.log('t', 0).values).toEqual(['Alice', 'Mike'])
    expect(cluster.log('t', 1).values).toEqual(['Zoe'])
    const error = await failure(producer.send({ topic: 't', key: 'bad' }))
    expect(error).toMatchObject({ code: 'PARTITIONER_FAILED' })
    expect(error.message).toContain('returned 2')
  })
})

describe('flush and close', () => {
  test('flush waits for all before it and for nothing after it', async () => {
    const { cluster, producer, turns } = setUp({}, { t: [1], u: [2] })
    cluster.fate = ({ brokerId }) => (brokerId === 2 ? { kind: 'hold' } : undefined)
    producer.enqueue({ topic: 't', value: 'a' })
    producer.enqueue({ topic: 'later', value: 'b' })
    let flushed = false
    void producer.flush().then(() => {
      flushed = true
    })
    await turns()
    producer.enqueue({ topic: 'u', value: 'c' })
    await turns()
    expect(flushed).toBe(false)
    cluster.setTopic('later', [1])
    await turns()
    expect(flushed).toBe(true)
  })

  test('flush does not reject for a record that failed', async () => {
    const { cluster, producer, turns } = setUp()
    cluster.fate = () => ({ kind: 'error', code: 'INVALID_RECORD' })
    const sent = failure(producer.send({ topic: 't', value: 'a' }))
    const flushed = producer.flush()
    await turns()
    await flushed
    expect(await sent).toMatchObject({ code: 'INVALID_RECORD', outcome: 'not-written', topic: 't', partition: 0 })
  })

  test('close waits, then rejects what is left with its outcome, and leaves no timer or listener', async () => {
    const { cluster, producer, runtime } = setUp({}, { t: [1], u: [-1] })
    cluster.fate = () => ({ kind: 'hold' })
    const flying = failure(producer.send({ topic: 't', value: 'a' }))
    const waiting = failure(producer.send({ topic: 'u', value: 'b' }))
    const closed = producer.close({ timeoutMs: 1000 })
    expect(producer.close()).toBe(closed)
    await runtime.advance(1000)
    await closed
    expect(await flying).toMatchObject({ code: 'CLOSED', outcome: 'unknown' })
    expect(await waiting).toMatchObject({ code: 'CLOSED', outcome: 'not-written' })
    expect(await failure(producer.send({ topic: 't', value: 'c' }))).toMatchObject({ code: 'CLOSED' })
    expect(() => producer.enqueue({ topic: 't', value: 'c' })).toThrow('The producer is closed')
    expect(producer.bufferedBytes).toBe(0)
    expect(runtime.timers).toBe(0)
    expect(cluster.listeners).toBe(0)
    cluster.produced[0]!.settle()
    await runtime.turns()
    expect(runtime.timers).toBe(0)
  })
})

describe('fairness', () => {
  test('a busy partition does not keep a small record of another from leaving', async () => {
    const { cluster, producer, turns } = setUp(
      { maxBatchBytes: 2048, maxRequestBytes: 4096, acks: 1 },
      { t: [1, 1, 1, 1] },
    )
    cluster.fate = () => ({ kind: 'hold' })
    const keepBusy = () => {
      for (let i = 0; i < 60; i++) producer.enqueue({ topic: 't', value: 'x'.repeat(900), partition: i % 3 })
    }
    keepBusy()
    await turns()
    let settled = false
    void producer.send({ topic: 't', value: 'small', partition: 3 }).then(() => {
      settled = true
    })
    for (let round = 0; round < 12 && !settled; round++) {
      keepBusy()
      cluster.produced[round]!.settle()
      await turns()
    }
    expect(settled).toBe(true)
  })
})

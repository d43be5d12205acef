import { InitProducerId, Produce } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { Kafka, type KafkaError, type Receipt, SendError } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

describe('send', () => {
  test('resolves to a receipt with topic, partition, offset and timestamp', () =>
    onTestkit({}, async ({ kafka }) => {
      const producer = kafka.producer()
      const first = producer.send({ topic: 't', value: 'a', timestamp: 77 })
      const second = producer.send({ topic: 't', value: 'b' })
      expect((await first).toJSON()).toEqual({ topic: 't', partition: 0, offset: '0', timestamp: 77 })
      expect((await second).offset).toBe(1n)
    }))

  test('resolves to the receipts of an array in its order, over many partitions', () =>
    onTestkit({ brokers: 3, topics: { t: 3, u: 1 } }, async (scenario) => {
      const records = Array.from({ length: 50 }, (_, i) => ({
        topic: i % 7 === 0 ? 'u' : 't',
        key: `k${i}`,
        value: `v${i}`,
      }))
      const receipts = await scenario.kafka.producer().send(records)
      expect(receipts).toHaveLength(50)
      for (const [i, { topic, partition, offset }] of receipts.entries()) {
        expect(topic).toBe(records[i]!.topic)
        expect((await scenario.values(topic, partition))[Number(offset)]).toBe(`v${i}`)
      }
    }))

  test('resolves an empty array immediately', async () => {
    const kafka = new Kafka({ brokers: 'localhost:9092' })
    expect(await kafka.producer().send([])).toEqual([])
    await kafka.close()
  })

  test('writes strings, bytes, nulls and headers', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const headers = { a: 'x', b: [Buffer.from('y'), null] }
      await Promise.all([
        producer.send({ topic: 't', key: 'é', value: new Uint8Array([104, 105]), headers }),
        producer.send({ topic: 't', value: null, headers: [{ key: 'c', value: '1' }] }),
        producer.send({ topic: 't', value: 'z', headers: [['d', 'e']] }),
      ])
      const stored = await scenario.stored('t')
      expect(stored.flatMap(({ keys }) => keys)).toEqual(['é', null, null])
      expect(stored.flatMap(({ values }) => values)).toEqual(['hi', null, 'z'])
    }))

  test.each([
    [{ value: 'x' }, "needs a 'topic'"],
    [{ topic: 't', value: 5 }, "'value' that is a number"],
    [{ topic: 't', key: {} }, "'key' that is an object"],
    [{ topic: 't', partition: -1 }, "'partition'"],
    [{ topic: 't', timestamp: 1.5 }, "'timestamp'"],
    [{ topic: 't', headers: { a: 1 } }, "header 'a'"],
    [{ topic: 't', headers: [{ value: 'x' }] }, "header without a 'key'"],
  ])('rejects %j, and sends nothing of its array', (record, words) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const error = await failure(producer.send([{ topic: 't', value: 'good' }, record as never]))
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-written' })
      expect(error.message).toContain('index 1')
      expect(error.message).toContain(words)
      await scenario.advance('1s')
      expect(scenario.seen(Produce)).toEqual([])
    }),
  )

  test('rejects a record that is too large with the limit, and sends the other records of the array', () =>
    onTestkit({}, async ({ kafka }) => {
      const producer = kafka.producer({ maxRequestBytes: 5000 })
      const error = await failure(
        producer.send([
          { topic: 't', value: 'a' },
          { topic: 't', value: 'x'.repeat(5000) },
        ]),
      )
      expect(error).toBeInstanceOf(SendError)
      const [sent, refused] = (error as SendError).results
      expect((sent as Receipt).offset).toBe(0n)
      expect(refused).toMatchObject({ code: 'MESSAGE_TOO_LARGE', topic: 't' })
      expect(error.message).toContain('maxRequestBytes (5000)')
    }))

  test('accepts a large ASCII record that a bound of three bytes a character would reject', () =>
    onTestkit({}, async (scenario) => {
      const receipt = await scenario.kafka.producer().send({ topic: 't', value: 'x'.repeat(900_000) })
      expect(receipt.offset).toBe(0n)
      expect((await scenario.values('t'))[0]).toHaveLength(900_000)
    }))

  test('names a partition that does not exist', () =>
    onTestkit({}, async ({ kafka }) => {
      const error = await failure(kafka.producer().send({ topic: 't', value: 'a', partition: 4 }))
      expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', partition: 4 })
      expect(error.message).toContain('the topic has partitions 0 to 0')
    }))
})

describe('enqueue', () => {
  test('reports each record once, and returns false when the buffer is full', () =>
    onTestkit({}, async ({ kafka }) => {
      const producer = kafka.producer({ maxBufferedBytes: 1000 })
      await producer.send({ topic: 't', value: 'first' })
      const offsets: (bigint | undefined)[] = []
      const enqueue = () =>
        producer.enqueue({ topic: 't', value: 'x'.repeat(100) }, (_error, receipt) => offsets.push(receipt?.offset))
      let accepted = 1
      while (enqueue()) accepted++
      expect(accepted).toBeGreaterThan(6)
      expect(() => producer.enqueue({ topic: 't', value: 'x' })).toThrow(
        expect.objectContaining({ code: 'BUFFER_FULL' }),
      )
      await producer.room()
      await producer.flush()
      expect(offsets).toEqual(Array.from({ length: accepted }, (_, i) => BigInt(i + 1)))
      expect(producer.enqueue({ topic: 't', value: 'y' })).toBe(true)
    }))

  test('reports the other records when an onSettled throws', () =>
    onTestkit({}, async ({ kafka }) => {
      const uncaught: unknown[] = []
      const listeners = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.on('uncaughtException', (error) => uncaught.push(error))
      const producer = kafka.producer()
      let reported = 0
      producer.enqueue({ topic: 't', value: 'a' }, () => {
        throw new Error('user bug')
      })
      producer.enqueue({ topic: 't', value: 'b' }, () => reported++)
      await producer.flush()
      await new Promise((resolve) => setImmediate(resolve))
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
      expect(reported).toBe(1)
      expect(uncaught).toEqual([expect.objectContaining({ message: 'user bug' })])
    }))
})

describe('batching', () => {
  test('lingers for more records; a full batch and flush do not wait', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ lingerMs: 5_000, maxBatchBytes: 1024 })
      await producer.send({ topic: 't', value: 'first' })
      const startedMs = scenario.nowMs
      await producer.send({ topic: 't', value: 'a' })
      expect(scenario.nowMs - startedMs).toBeGreaterThanOrEqual(5_000)
      expect(scenario.nowMs - startedMs).toBeLessThan(5_200)
      const filler = 'x'.repeat(400)
      const full = [1, 2, 3].map(() => producer.send({ topic: 't', value: filler }))
      await scenario.advance(1_000)
      expect(await scenario.values('t')).toEqual(['first', 'a', filler, filler])
      await producer.flush()
      expect(scenario.nowMs - startedMs).toBeLessThan(7_500)
      await Promise.all(full)
      expect(await scenario.values('t')).toHaveLength(5)
    }))

  test('spreads records without a key, one partition per batch, never to one without a leader', () =>
    onTestkit({ brokers: 4, topics: { t: 4 } }, async (scenario) => {
      await scenario.cluster.broker(4).kill()
      await scenario.advance('30s')
      const leaders = [0, 1, 2, 3].map((partition) => scenario.cluster.partition('t', partition).leader)
      expect(leaders.filter((leader) => leader === -1)).toHaveLength(1)
      const producer = scenario.kafka.producer()
      const used = new Set<number>()
      for (let i = 0; i < 40; i++) {
        const [a, b] = await producer.send([
          { topic: 't', value: 'a' },
          { topic: 't', value: 'b' },
        ])
        expect(a!.partition).toBe(b!.partition)
        used.add(a!.partition)
      }
      expect([...used].sort()).toEqual([0, 1, 2, 3].filter((partition) => leaders[partition] !== -1))
      expect(scenario.seen(Produce)).toHaveLength(40)
    }))

  test.each(['gzip', 'snappy', 'lz4'] as const)('compresses with %s, in order', (compression) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ compression, compressionLevel: 6 })
      const values = Array.from({ length: 100 }, (_, i) => `value ${i}`)
      await producer.send(values.map((value) => ({ topic: 't', value })))
      expect(await scenario.values('t')).toEqual(values)
      expect((await scenario.stored('t'))[0]!.batch.compression).toBe(compression)
    }),
  )
})

describe('acks', () => {
  test('0 resolves when the bytes are written, without an offset', () =>
    onTestkit({}, async (scenario) => {
      const receipt = await scenario.kafka.producer({ acks: 0 }).send({ topic: 't', value: 'a' })
      expect(receipt.offset).toBeUndefined()
      await scenario.advance('1s')
      expect(await scenario.values('t')).toEqual(['a'])
    }))

  test('1 needs no producer id', () =>
    onTestkit({}, async (scenario) => {
      await scenario.kafka.producer({ acks: 1 }).send({ topic: 't', value: 'a' })
      expect(scenario.seen(InitProducerId)).toEqual([])
      expect(scenario.seen(Produce)[0]!.body.acks).toBe(1)
    }))

  test('sends nothing without a producer id, and rejects a refusal with a hint', () =>
    onTestkit({}, async (scenario) => {
      scenario.fault('InitProducerId', { error: 'CLUSTER_AUTHORIZATION_FAILED' }, 'once')
      const producer = scenario.kafka.producer()
      const error = await failure(producer.send({ topic: 't', value: 'a' }))
      expect(error).toMatchObject({ code: 'CLUSTER_AUTHORIZATION_FAILED', outcome: 'not-written' })
      expect(error.hint).toContain('idempotent: false')
      expect(scenario.seen(Produce)).toEqual([])
      expect((await producer.send({ topic: 't', value: 'b' })).offset).toBe(0n)
    }))
})

test('idempotence needs acks from all replicas, and at most 5 requests in flight', async () => {
  const kafka = new Kafka({ brokers: 'localhost:9092' })
  expect(() => kafka.producer({ acks: 1, idempotent: true })).toThrow(
    /'idempotent' of kafka.producer\(\) requires acks: 'all', not 1/,
  )
  expect(() => kafka.producer({ maxInFlight: 6 })).toThrow(/'maxInFlight' of kafka.producer\(\) must be at most 5/)
  expect(kafka.producer({ maxInFlight: 6, idempotent: false }).options.idempotent).toBe(false)
  await kafka.close()
})

describe('unknown topics', () => {
  test('records wait in order until the topic is known', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const sent = producer.send(['a', 'b', 'c'].map((value) => ({ topic: 'late', value, partition: 0 })))
      const last = producer.send({ topic: 'late', value: 'd', partition: 0 })
      await scenario.advance('1s')
      expect(scenario.seen(Produce)).toEqual([])
      await scenario.cluster.createTopic({ name: 'late', partitions: 1 })
      await Promise.all([sent, last])
      expect(await scenario.values('late')).toEqual(['a', 'b', 'c', 'd'])
      expect(producer.bufferedBytes).toBe(0)
    }))

  test('reject after topicTimeoutMs with the topic, while other topics continue', () =>
    onTestkit({ kafka: { topicTimeoutMs: 5000 } }, async (scenario) => {
      const producer = scenario.kafka.producer()
      const lost = failure(producer.send({ topic: 'nowhere', value: 'a' }))
      await producer.send({ topic: 't', value: 'a' })
      expect(scenario.nowMs).toBeLessThan(4000)
      expect(await lost).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'nowhere', outcome: 'not-written' })
      expect(scenario.nowMs).toBeGreaterThan(5000)
      expect(scenario.nowMs).toBeLessThan(6000)
      expect(producer.bufferedBytes).toBe(0)
    }))
})

test('a custom partitioner chooses by its arguments, and must return a valid partition', () =>
  onTestkit({ topics: { t: 2 } }, async (scenario) => {
    const producer = scenario.kafka.producer({
      partitioner: ({ key, partitionCount }) => (key === 'bad' ? partitionCount : String(key) < 'N' ? 0 : 1),
    })
    await producer.send(['Alice', 'Zoe', 'Mike'].map((key) => ({ topic: 't', key, value: key })))
    expect(await scenario.values('t', 0)).toEqual(['Alice', 'Mike'])
    expect(await scenario.values('t', 1)).toEqual(['Zoe'])
    const error = await failure(producer.send({ topic: 't', key: 'bad', value: null }))
    expect(error).toMatchObject({ code: 'PARTITIONER_FAILED' })
    expect(error.message).toContain('returned 2')
  }))

test('flush does not reject for a record that failed', () =>
  onTestkit({}, async (scenario) => {
    scenario.fault('Produce', { error: 'INVALID_RECORD' })
    const producer = scenario.kafka.producer()
    const sent = failure(producer.send({ topic: 't', value: 'a' }))
    await producer.flush()
    const error: KafkaError = await sent
    expect(error).toMatchObject({ code: 'INVALID_RECORD', outcome: 'not-written', topic: 't', partition: 0 })
  }))

import { describe, expect, test } from 'vitest'
import type { KafkaError, ProducerRecord } from '../../src/index.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

// Records are objects of the application, which uses them again as soon as `send` or `enqueue` has returned.

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

type Loose = Record<string, unknown>

/** A record of strings, Buffers and plain bytes in turn; its key, value and headers contain its number. */
function recordOf(topic: string, i: number) {
  const text = `${i}`.padEnd(20, '.')
  const forms = [text, Buffer.from(text), new TextEncoder().encode(text)]
  const bytes = Buffer.from(text)
  const headers = [{ n: bytes }, [['n', bytes] as [string, Buffer]], [{ key: 'n', value: bytes }]][i % 3]!
  return { topic, key: forms[(i + 1) % 3]!, value: forms[i % 3]!, headers, timestamp: 1000 + i, partition: 0 }
}

/** Everything that an application can do to its objects. */
function ruin(record: ReturnType<typeof recordOf>, i: number): void {
  const loose = record as unknown as Loose
  const views = [record.key, record.value].filter((data) => typeof data !== 'string')
  for (const bytes of views) {
    bytes.fill(0x21)
    if (i % 2 === 0 && bytes.byteLength === bytes.buffer.byteLength)
      structuredClone(bytes, { transfer: [bytes.buffer] })
  }
  const { headers } = record
  const pairs: unknown[] = Array.isArray(headers)
    ? headers.flatMap((each) => Object.values(each))
    : Object.values(headers)
  for (const value of pairs) if (value instanceof Uint8Array) value.fill(0x21)
  if (Array.isArray(headers)) headers.length = 0
  loose.topic = 'elsewhere'
  loose.partition = 99
  loose.timestamp = 'later'
  loose.headers = 5
  Object.defineProperty(record, 'value', {
    get() {
      throw new Error('read after the call')
    },
  })
}

async function expectRecords(scenario: Scenario, topic: string, numbers: readonly number[]): Promise<void> {
  const stored = await scenario.stored(topic)
  const texts = numbers.map((i) => `${i}`.padEnd(20, '.'))
  expect(stored.flatMap(({ values }) => values)).toEqual(texts)
  expect(stored.flatMap(({ keys }) => keys)).toEqual(texts)
}

describe('nothing of the caller is read after the call', () => {
  const buffers = [
    { name: 'that finds space', maxBufferedBytes: 1 << 20, topic: 't' },
    { name: 'that waits for space', maxBufferedBytes: 2000, topic: 't' },
    { name: 'that waits for its topic', maxBufferedBytes: 1 << 20, topic: 'late' },
    { name: 'that waits for its topic and for space', maxBufferedBytes: 2000, topic: 'late' },
  ]

  test.each(buffers)('of a `send` $name', ({ maxBufferedBytes, topic }) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes })
      if (topic === 't') await producer.send(recordOf('t', 0))
      const first = topic === 't' ? 1 : 0
      const sent = upTo(30).map((i) => {
        const record = recordOf(topic, first + i)
        const promise = producer.send(record)
        ruin(record, i)
        return promise
      })
      if (maxBufferedBytes < 10_000) expect(() => producer.enqueue(recordOf(topic, 0))).toThrow(/full/)
      if (topic === 'late') {
        await scenario.advance(500)
        await scenario.cluster.createTopic({ name: 'late', partitions: 1, replicationFactor: 1 })
      }
      const receipts = await Promise.all(sent)
      expect(receipts.map(({ timestamp }) => timestamp)).toEqual(upTo(30).map((i) => 1000 + first + i))
      await expectRecords(scenario, topic, upTo(first + 30))
    }),
  )

  test.each(buffers)('of a `send` of an array $name', ({ maxBufferedBytes, topic }) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer({ maxBufferedBytes })
      const records = upTo(60).map((i) => recordOf(topic, i))
      const sent = producer.send(records)
      for (const [i, record] of records.entries()) ruin(record, i)
      records.length = 0
      if (topic === 'late') {
        await scenario.advance(500)
        await scenario.cluster.createTopic({ name: 'late', partitions: 1, replicationFactor: 1 })
      }
      expect((await sent).map(({ offset }) => offset)).toEqual(upTo(60).map(BigInt))
      await expectRecords(scenario, topic, upTo(60))
    }),
  )

  test.each(['t', 'late'])('of an `enqueue` to the topic %s', (topic) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const errors: (KafkaError | undefined)[] = []
      for (let i = 0; i < 30; i++) {
        const record = recordOf(topic, i)
        producer.enqueue(record, (error) => errors.push(error))
        ruin(record, i)
      }
      if (topic === 'late') {
        await scenario.advance(500)
        await scenario.cluster.createTopic({ name: 'late', partitions: 1, replicationFactor: 1 })
      }
      await producer.flush()
      expect(errors).toEqual(new Array(30).fill(undefined))
      await expectRecords(scenario, topic, upTo(30))
    }),
  )

  test('each property is read once, so that a getter cannot pass the check with another value', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const reads: Loose = {}
      const counted = new Proxy(recordOf('t', 0), {
        get(target, name) {
          reads[String(name)] = Number(reads[String(name)] ?? 0) + 1
          return Reflect.get(target, name)
        },
      })
      await producer.send([counted, recordOf('t', 1)])
      const once = { topic: 1, key: 1, value: 1, headers: 1, timestamp: 1, partition: 1 }
      expect(reads).toEqual(once)
      await expectRecords(scenario, 't', [0, 1])
    }))
})

const detached = (bytes: Uint8Array<ArrayBuffer>) => {
  structuredClone(bytes, { transfer: [bytes.buffer] })
  return bytes
}

const hostile: { name: string; record: () => unknown }[] = [
  { name: 'a detached value', record: () => ({ topic: 't', value: detached(new Uint8Array(9)) }) },
  { name: 'a detached key', record: () => ({ topic: 't', key: detached(new Uint8Array(9)), value: 'x' }) },
  {
    name: 'a detached header',
    record: () => ({ topic: 't', value: 'x', headers: { a: detached(new Uint8Array(9)) } }),
  },
  {
    name: 'a getter that throws',
    record: () => ({
      topic: 't',
      get value(): string {
        throw new Error('from the getter')
      },
    }),
  },
  {
    name: 'a header that throws',
    record: () => ({
      topic: 't',
      value: 'x',
      headers: {
        get a(): string {
          throw new Error('from the getter')
        },
      },
    }),
  },
  { name: 'a revoked proxy', record: () => revoked() },
  {
    name: 'an object that claims to be bytes',
    record: () => ({ topic: 't', value: Object.create(Uint8Array.prototype) }),
  },
]

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

describe('a record that cannot be written damages nothing else', () => {
  test.each(hostile)('with $name', ({ record }) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      await producer.send({ topic: 't', value: 'before' })
      const beside = producer.send({ topic: 't', value: 'beside' })
      const refusal = { code: 'INVALID_ARGUMENT', outcome: 'not-written' }
      expect(await failure(producer.send(record() as ProducerRecord))).toMatchObject(refusal)
      expect(await failure(producer.send([{ topic: 't', value: 'no' }, record() as ProducerRecord]))).toMatchObject(
        refusal,
      )
      expect(() => producer.enqueue(record() as ProducerRecord)).toThrow(expect.objectContaining(refusal))
      await beside
      await producer.send({ topic: 't', value: 'after' })
      expect(producer.bufferedBytes).toBe(0)
      expect(await scenario.values('t')).toEqual(['before', 'beside', 'after'])
    }),
  )

  test('names the topic, and has what was thrown as its cause', () =>
    onTestkit({}, async ({ kafka }) => {
      const thrown = new Error('from the getter')
      const record = {
        topic: 't',
        get value(): string {
          throw thrown
        },
      }
      const error = await failure(kafka.producer().send(record))
      expect(error).toMatchObject({ topic: 't', cause: thrown })
      expect(error.message).toContain("for topic 't'")
    }))

  test('a batch exists only with its first record: bytes that are detached while they are placed fail alone', async () => {
    const played = onTestkit({}, async (scenario) => {
      const bytes = new Uint8Array(9)
      const partitioner = ({ value }: { value: unknown }) => {
        if (value === bytes) structuredClone(bytes, { transfer: [bytes.buffer] })
        return 0
      }
      const producer = scenario.kafka.producer({ partitioner })
      await producer.send({ topic: 't', value: 'before' })
      const error = await failure(producer.send({ topic: 't', value: bytes }))
      expect(error).toMatchObject({ code: 'SERIALIZE_FAILED', topic: 't', partition: 0, outcome: 'not-written' })
      expect(error.cause).toBeInstanceOf(TypeError)
      await producer.flush()
      await producer.send({ topic: 't', value: 'after' })
      return scenario.values('t')
    })
    await expect(played).resolves.toEqual(['before', 'after'])
  })

  test('a getter or partitioner that sends other records mixes none of them up', () =>
    onTestkit({}, async (scenario) => {
      const plain = scenario.kafka.producer()
      const nested = {
        topic: 't',
        key: 'outer',
        get value(): string {
          plain.enqueue({ topic: 't', key: 'inner', value: 'inner' })
          return 'outer'
        },
      }
      await plain.send(nested)
      await plain.flush()
      let depth = 0
      const custom = scenario.kafka.producer({
        partitioner: ({ value }) => {
          if (value === 'first' && depth++ === 0) custom.enqueue({ topic: 't', value: 'second' })
          return 0
        },
      })
      await custom.send({ topic: 't', value: 'warm' })
      await custom.send({ topic: 't', value: 'first' })
      await custom.flush()
      expect(await scenario.values('t')).toEqual(['inner', 'outer', 'warm', 'second', 'first'])
    }))
})

describe('what looks like a record of another client is refused', () => {
  test.each([
    [{ messages: [{ value: 'a' }] }, "unknown field 'messages'", /array of records/],
    [{ val: 'a' }, "unknown field 'val'", /Did you mean 'value'\?/],
    [{ value: 'a', ts: 5 }, "unknown field 'ts'", /Did you mean 'timestamp'\?/],
    [{ value: 'a', header: {} }, "unknown field 'header'", /Did you mean 'headers'\?/],
    [{ value: 'a', acks: 1 }, "unknown field 'acks'", /kafka.producer\(\)/],
    [{ key: 'k' }, "no 'value'", /explicit null/],
    [{ key: 'k', value: undefined }, "no 'value'", /explicit null/],
    [
      { value: 'a', headers: new Map([['a', 'b']]) },
      'neither a plain object nor a list of pairs',
      /Object.fromEntries/,
    ],
    [{ value: 'a', headers: new Headers({ a: 'b' }) }, 'neither a plain object', undefined],
    [{ value: 'a', headers: new Set([['a', 'b']]) }, 'neither a plain object', undefined],
    [{ value: 'a', headers: [['a', 'b']].values() }, 'neither a plain object', undefined],
    [{ value: 'a', headers: new Date(0) }, 'neither a plain object', undefined],
    [{ value: 'a', headers: Buffer.from('ab') }, 'neither a plain object', undefined],
    [{ value: 'a', headers: { a: undefined } }, "header 'a' without a value", /null/],
    [{ value: 'a', headers: [['a']] }, 'a list of 1, not a pair', undefined],
    [{ value: 'a', headers: [['a', 'b', 'c']] }, 'a list of 3, not a pair', undefined],
    [{ value: 'a', headers: [{ key: 'a', val: 'b' }] }, "header with an unknown field 'val'", /'value'/],
  ])('%o', (fields, words, hint) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const record = { topic: 't', ...fields } as unknown as ProducerRecord
      const sent = producer.send([{ topic: 't', value: 'good' }, record])
      const refusal = { code: 'INVALID_ARGUMENT', topic: 't', outcome: 'not-written' }
      await expect(sent).rejects.toMatchObject(refusal)
      const error = await failure(sent)
      expect(error.message).toContain('index 1')
      expect(error.message).toContain(words)
      if (hint !== undefined) expect(error.hint).toMatch(hint)
      await scenario.advance('1s')
      expect(await scenario.values('t')).toEqual([])
    }),
  )

  test('an explicit null is a tombstone; headers of a consumed message can be sent again', () =>
    onTestkit({}, async (scenario) => {
      const headers = [
        { key: 'a', value: Buffer.from('b') },
        { key: 'a', value: null },
      ]
      await scenario.kafka.producer().send({ topic: 't', key: 'k', value: null, headers })
      expect(await scenario.values('t')).toEqual([null])
    }))

  test.each([
    [null, /must be an object/, undefined],
    [{ timeoutMs: 5 }, /'timeoutMs' of producer.send\(\) does not exist/, /deliveryTimeoutMs/],
    [{ sinal: undefined }, /'sinal' of producer.send\(\) does not exist/, /'signal'/],
    [{ signal: 5 }, /'signal' of producer.send\(\) must be an AbortSignal/, undefined],
  ])('send options %o', (options, message, hint) =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.producer()
      const error = await failure(producer.send({ topic: 't', value: 'a' }, options as never))
      expect(error).toMatchObject({ code: 'INVALID_OPTION', fatal: false, outcome: 'not-written' })
      expect(error.message).toMatch(message)
      if (hint !== undefined) expect(error.hint).toMatch(hint)
      expect(await failure(producer.room({ sginal: 1 } as never))).toMatchObject({ code: 'INVALID_OPTION' })
      expect(await failure(producer.flush({ sginal: 1 } as never))).toMatchObject({ code: 'INVALID_OPTION' })
      expect(await scenario.values('t')).toEqual([])
    }),
  )
})

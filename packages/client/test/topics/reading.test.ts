import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  bytes,
  type Consumer,
  type ConsumerOptions,
  int32,
  int64,
  json,
  Message,
  type MessageBatch,
  string,
  type TopicSelector,
  topic,
} from '../../src/index.ts'
import { append, committedAt } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

interface User {
  readonly name: string
}
interface Order {
  total: number
  note: string
}

const orders = topic('orders', {
  key: string(),
  value: json(z.object({ total: z.number(), note: z.string().default('none') })),
})
const users = topic('users', { key: int64(), value: json<User>() })

const topics = { orders: 1, users: 1, raw: 1 }
const group = { groupId: 'g', offsetReset: 'earliest' } as const

type Union =
  | Message<'orders', string | null, Order | null>
  | Message<'users', bigint | null, User | null>
  | Message<'raw'>

/** What a message has, found by its topic. */
function shown(message: Union): string {
  switch (message.topic) {
    case 'orders':
      return `${message.key} ${message.value?.total} ${message.value?.note}`
    case 'users':
      return `${message.key} ${message.value?.name}`
    case 'raw':
      return `${message.key?.toString()} ${message.value?.toString()}`
  }
}

async function filled({ kafka }: Scenario): Promise<Consumer<Union>> {
  const producer = kafka.producer()
  await producer.send([
    orders.record({ key: 'o-1', value: { total: 12 } }),
    users.record({ key: 7, value: { name: 'ann' } }),
  ])
  producer.enqueue({ topic: 'raw', key: 'k', value: 'bytes' })
  await producer.close()
  return kafka.consumer({ ...group, topics: [orders, users, 'raw'] })
}

const expected = ['7 ann', 'k bytes', 'o-1 12 none']

describe('a union of topics is distinguished by topic', () => {
  test('in for await', () =>
    onTestkit({ topics }, async (scenario) => {
      const seen: string[] = []
      for await (const message of await filled(scenario)) if (seen.push(shown(message)) === 3) break
      expect(seen.sort()).toEqual(expected)
    }))

  test('in batches, by the batch too', () =>
    onTestkit({ topics }, async (scenario) => {
      const seen: string[] = []
      for await (const batch of (await filled(scenario)).batches()) {
        if (batch.topic === 'orders') {
          expectTypeOf(batch).toEqualTypeOf<MessageBatch<Message<'orders', string | null, Order | null>>>()
          for (const { value } of batch) expect(value?.total).toBe(12)
        }
        // It can be iterated repeatedly, with the same values.
        const values = Array.from(batch as Iterable<Union>, ({ value }) => value)
        expect(Array.from(batch as Iterable<Union>, ({ value }) => value)).toEqual(values)
        for (const message of batch as Iterable<Union>) seen.push(shown(message))
        if (seen.length === 3) break
      }
      expect(seen.sort()).toEqual(expected)
    }))

  test('in poll', () =>
    onTestkit({ topics }, async (scenario) => {
      const consumer = await filled(scenario)
      const seen: string[] = []
      while (seen.length < 3) seen.push(...(await consumer.poll()).map(shown))
      expect(seen.sort()).toEqual(expected)
    }))

  test.each(['each', 'eachBatch'] as const)('in run, with %s', (how) =>
    onTestkit({ topics }, async (scenario) => {
      const consumer = await filled(scenario)
      const seen: string[] = []
      const stop = new AbortController()
      const see = (message: Union) => {
        if (seen.push(shown(message)) === 3) stop.abort()
      }
      await consumer.run({
        signal: stop.signal,
        ...(how === 'each'
          ? { each: see }
          : {
              eachBatch: (batch) => {
                for (const message of batch as Iterable<Union>) see(message)
              },
            }),
      })
      expect(seen.sort()).toEqual(expected)
    }),
  )
})

describe('types of a consumer', () => {
  const check = ({ kafka }: Scenario) => {
    // Names and patterns alone: as without typed topics.
    expectTypeOf(kafka.consumer({ groupId: 'g', topics: ['raw'] })).toEqualTypeOf<Consumer>()
    expectTypeOf(kafka.consumer({ groupId: 'g', topics: [/^a/, 'raw'] })).toEqualTypeOf<Consumer>()
    expectTypeOf(kafka.consumer({ assign: [{ topic: 'raw', partition: 0 }] })).toEqualTypeOf<Consumer>()
    const options: ConsumerOptions = { groupId: 'g', topics: ['raw'] }
    expectTypeOf(kafka.consumer(options)).toEqualTypeOf<Consumer>()
    // One topic, a list, partitions.
    type Orders = Consumer<Message<'orders', string | null, Order | null>>
    expectTypeOf(kafka.consumer({ groupId: 'g', topics: orders })).toEqualTypeOf<Orders>()
    expectTypeOf(kafka.consumer({ groupId: 'g', topics: [orders] })).toEqualTypeOf<Orders>()
    expectTypeOf(kafka.consumer({ assign: [{ topic: orders, partition: 0 }] })).toEqualTypeOf<Orders>()
    // A pattern may match any topic.
    const mixed = kafka.consumer({ groupId: 'g', topics: [orders, /^eu/] })
    expectTypeOf(mixed).toEqualTypeOf<Consumer<Message<'orders', string | null, Order | null> | Message>>()
    const selectors: TopicSelector[] = [orders, 'raw']
    expectTypeOf(kafka.consumer({ groupId: 'g', topics: selectors }).poll).returns.resolves.items.toHaveProperty(
      'topic',
    )
    // A function for messages of bytes does not take others.
    const each = (message: Message): unknown => message.value?.toString()
    // @ts-expect-error The value of a message of `orders` is no Buffer.
    void kafka.consumer({ groupId: 'g', topics: [orders] }).run({ each })
    // Any message can be marked.
    const typed = kafka.consumer({ groupId: 'g', topics: [orders] })
    expectTypeOf(typed.done).toBeCallableWith({} as Message<'orders', string | null, Order | null>)
  }

  test('follow from its topics', () => {
    expect(check).toBeTypeOf('function')
  })
})

describe('a message of a typed topic', () => {
  test('has the bytes as written, headers, and fields of any message', () =>
    onTestkit({ topics }, async ({ kafka }) => {
      await kafka.producer().send(users.record({ key: 7n, value: { name: 'ann' }, headers: { trace: 'x' } }))
      const { value: message } = await kafka
        .consumer({ ...group, topics: users })
        .messages()
        .next()
      if (message === undefined) throw new Error('no message')
      expect(message).toBeInstanceOf(Message)
      expect(message.keyBytes).toEqual(Buffer.from([0, 0, 0, 0, 0, 0, 0, 7]))
      expect(message.valueBytes?.toString()).toBe('{"name":"ann"}')
      expect(message.header('trace')?.toString()).toBe('x')
      // It is decoded once.
      expect(message.value).toBe(message.value)
      expect(JSON.parse(JSON.stringify(message))).toMatchObject({ key: '7', value: { name: 'ann' } })
      expect(message.detach()).toMatchObject({ key: 7n, value: { name: 'ann' }, offset: 0n })
    }))

  test('has any result of a serde, undefined included', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a'])
      const serde = { serialize: () => Buffer.alloc(0), deserialize: () => undefined }
      const { value: message } = await scenario.kafka
        .consumer({ ...group, topics: topic('t', { value: serde }) })
        .messages()
        .next()
      expect([message?.value, message?.key?.toString()]).toEqual([undefined, 'ka'])
    }))

  test('bytes() of a detached message are a copy', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['abc'])
      const { value: message } = await scenario.kafka
        .consumer({ ...group, topics: topic('t', { value: bytes() }) })
        .messages()
        .next()
      expect(message?.value?.toString()).toBe('abc')
      expect(message?.detach().value?.buffer).not.toBe(message?.value?.buffer)
    }))

  test("a serde's context has the place and the headers of the record", () =>
    onTestkit({}, async ({ kafka }) => {
      const seen: unknown[] = []
      const serde = {
        serialize: (value: string) => Buffer.from(value),
        deserialize: (data: Buffer, context: import('../../src/index.ts').DeserializeContext) => {
          const { field, offset, partition, headers } = context
          seen.push([field, offset, partition, headers.map(({ key, value }) => `${key}=${value}`)])
          return data.toString()
        },
      }
      const own = topic('t', { key: serde, value: serde })
      await kafka.producer().send(own.record({ key: 'k', value: 'v', headers: { id: '9' } }))
      await kafka
        .consumer({ ...group, topics: own })
        .messages()
        .next()
      expect(seen).toEqual([
        ['key', 0n, 0, ['id=9']],
        ['value', 0n, 0, ['id=9']],
      ])
    }))

  test('a key that cannot be read is a bad record too', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a'])
      const consumer = scenario.kafka.consumer({ ...group, topics: topic('t', { key: int32(), value: string() }) })
      await expect(consumer.messages().next()).rejects.toThrow(
        "Deserializing the key of topic 't', partition 0, offset 0 failed: the data has 2 bytes, not 4",
      )
    }))
})

describe('typed and untyped topics', () => {
  test('a pattern that matches a typed topic of the same consumer decodes it', () =>
    onTestkit({ topics: { 'eu.orders': 1, 'eu.raw': 1 } }, async ({ kafka }) => {
      const typed = topic('eu.orders', { value: int32() })
      await kafka.producer().send([typed.record({ value: 5 }), { topic: 'eu.raw', value: 'x' }])
      const consumer = kafka.consumer({ ...group, topics: [/^eu\./, typed] })
      const seen: unknown[] = []
      for await (const message of consumer) if (seen.push(message.value) === 2) break
      expect(new Set(seen)).toEqual(new Set([5, Buffer.from('x')]))
    }))

  test.each([[['orders', orders]], [[orders, 'orders']], [[orders, topic('orders', { value: int32() })]]] as const)(
    'one name with different serdes is refused',
    (selectors) =>
      onTestkit({ topics }, async ({ kafka }) => {
        expect(() => kafka.consumer({ groupId: 'g', topics: [...selectors] })).toThrow(/'orders' twice/)
      }),
  )

  test('the same topic twice is one', () =>
    onTestkit({ topics }, async ({ kafka }) => {
      expect(() => kafka.consumer({ groupId: 'g', topics: [users, users] })).not.toThrow()
    }))
})

describe('transactions', () => {
  test('take the records of typed topics, and the offsets of their messages', () =>
    onTestkit({ topics }, async (scenario) => {
      const { kafka } = scenario
      await kafka.producer().send(users.record({ key: 1, value: { name: 'ann' } }))
      const consumer = kafka.consumer({ ...group, topics: [users], commit: 'none' })
      const { value: message } = await consumer.messages().next()
      if (message === undefined) throw new Error('no message')
      await kafka.transactionalProducer({ transactionalId: 'x' }).transaction(async (transaction) => {
        await transaction.send(orders.record({ key: message.value!.name, value: { total: 1 } }))
        await transaction.sendOffsets(message)
      })
      const { value: order } = await kafka
        .consumer({ groupId: 'h', topics: orders, offsetReset: 'earliest' })
        .messages()
        .next()
      expect([order?.key, order?.value?.total]).toEqual(['ann', 1])
      expect(await kafka.admin().listConsumerGroupOffsets('g')).toMatchObject([{ topic: 'users', offset: 1n }])
    }))
})

describe('batches', () => {
  test('a part that is marked, returned and read again has the values of its records', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['"a"', 'bad', '"c"', '"d"', 'bad', '"f"'])
      const texts = topic('t', { value: json<string>() })
      const consumer = scenario.kafka.consumer({ ...group, topics: texts, onBadRecord: 'skip' })
      const reader = consumer.batches()
      const { value: batch } = await reader.next()
      if (batch === undefined) throw new Error('no batch')
      const messages = [...batch]
      expect(messages.map(({ value }) => value)).toEqual(['a', 'c', 'd', 'f'])
      expect([batch.firstOffset, batch.lastOffset]).toEqual([0n, 5n])
      const walked: number[] = []
      batch.walk(({ offsetDelta }) => walked.push(offsetDelta))
      expect(walked).toEqual([0, 2, 3, 5])
      consumer.done(messages[1]!)
      await reader.return()
      const again = consumer.batches()
      const second = await again.next()
      expect([...second.value!].map(({ value }) => value)).toEqual(['a', 'd', 'f'])
      // The batch of before keeps its own.
      expect([...batch].map(({ value }) => value)).toEqual(['a', 'c', 'd', 'f'])
    }))

  test("an item ends before a bad record under 'fail', and is committed to there", () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['"a"', '"b"', 'bad', '"d"'])
      const consumer = scenario.kafka.consumer({ ...group, topics: topic('t', { value: json<string>() }) })
      const reader = consumer.batches()
      const { value: batch } = await reader.next()
      expect([batch?.firstOffset, batch?.lastOffset, [...batch!].length]).toEqual([0n, 1n, 2])
      await batch!.commit()
      expect(committedAt(scenario)).toBe(2)
      await expect(reader.next()).rejects.toMatchObject({ code: 'DESERIALIZE_FAILED', offset: 2n })
    }))
})

import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { json, KafkaError, type StandardSchema, topic } from '../../src/index.ts'
import { append } from '../support/consuming.ts'
import { onTestkit } from '../support/on-testkit.ts'

/** Input and output differ: `note` has a default, `at` is transformed. */
interface Input {
  total: number
  note?: string | undefined
  at: string
}
interface Output {
  total: number
  note: string
  at: Date
}

const zodOrder = z.object({
  total: z.number().min(0),
  note: z.string().default('none'),
  at: z.string().transform((text) => new Date(text)),
})
const valibotOrder = v.object({
  total: v.pipe(v.number(), v.minValue(0)),
  note: v.optional(v.string(), 'none'),
  at: v.pipe(
    v.string(),
    v.transform((text) => new Date(text)),
  ),
})
const arktypeOrder = type({
  total: 'number >= 0',
  note: "string = 'none'",
  at: type('string').pipe((text) => new Date(text)),
})

const topics = {
  zod: topic('t', { value: json(zodOrder) }),
  valibot: topic('t', { value: json(valibotOrder) }),
  arktype: topic('t', { value: json(arktypeOrder) }),
}
const at = '2026-12-01T00:00:00.000Z'

function failure(work: () => unknown): KafkaError {
  try {
    work()
  } catch (error) {
    if (KafkaError.is(error)) return error
    throw error
  }
  throw new Error('it did not throw')
}

test('a producer takes the input of the schema, a consumer receives its output: types', () => {
  const check = (): void => {
    expectTypeOf(topics.zod.record).parameter(0).toExtend<{ readonly value: Input | null }>()
    expectTypeOf(topics.valibot.record).parameter(0).toExtend<{ readonly value: Input | null }>()
    expectTypeOf(topics.arktype.record).parameter(0).toExtend<{ readonly value: Input | null }>()
    // @ts-expect-error `at` is a string in the input.
    topics.zod.record({ value: { total: 1, at: new Date(0) } })
    // @ts-expect-error `total` is missing.
    topics.valibot.record({ value: { at } })
    // @ts-expect-error `total` is a number.
    topics.arktype.record({ value: { total: '1', at } })
  }
  expect(check).toBeTypeOf('function')
})

describe.each(['zod', 'valibot', 'arktype'] as const)('%s', (name) => {
  const orders = topics[name]

  test('validates the input and writes it as it is; the output is what is read', () =>
    onTestkit({}, async ({ kafka }) => {
      const record = orders.record({ value: { total: 12, at } })
      expect(record.value).toBe(JSON.stringify({ total: 12, at }))
      await kafka.producer().send([record, orders.record({ value: null })])
      const consumer = kafka.consumer({ groupId: 'g', topics: [orders], offsetReset: 'earliest' })
      const values: (Output | null)[] = []
      for await (const message of consumer) {
        expectTypeOf(message.topic).toEqualTypeOf<'t'>()
        if (values.push(message.value) === 2) break
      }
      expect(values).toEqual([{ total: 12, note: 'none', at: new Date(at) }, null])
    }))

  test('a value that does not match is refused with its issues, and without its content in the error', () => {
    const value = { total: 'hunter2', at } as never
    const error = failure(() => orders.record({ value }))
    expect(error).toMatchObject({ code: 'SERIALIZE_FAILED', topic: 't', outcome: 'not-written' })
    expect(error.message).toBe(
      "Serializing the value for topic 't' failed: the value does not match its schema at 'total'",
    )
    expect(error.issues).toHaveLength(1)
    expect(
      Array.from(error.issues![0]!.path ?? [], (segment) => (typeof segment === 'object' ? segment.key : segment)),
    ).toEqual(['total'])
    expect(error.issues![0]!.message).not.toBe('')
    const copy = error.with({ retriable: true })
    expect(copy.issues).toBe(error.issues)
    expect(`${JSON.stringify(error)} ${error.stack} ${Object.keys(error)}`).not.toContain('hunter2')
  })

  test('a record that does not match is bad, and its error has the issues', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, [JSON.stringify({ total: -1, note: 'hunter2', at })])
      const consumer = scenario.kafka.consumer({ groupId: 'g', topics: orders, offsetReset: 'earliest' })
      const error = await consumer
        .messages()
        .next()
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'DESERIALIZE_FAILED', topic: 't', partition: 0, offset: 0n })
      const { issues, message } = error as KafkaError
      expect(issues).toHaveLength(1)
      expect(message).toBe(
        "Deserializing the value of topic 't', partition 0, offset 0 failed: the data does not match its schema at 'total'",
      )
    }))
})

describe('an asynchronous schema', () => {
  const zodAsync = z.string().refine(async () => true)
  const pending: StandardSchema<string> = {
    '~standard': { version: 1, vendor: 'own', validate: () => Promise.reject(new Error('late')) },
  }

  test('is a type error where its type says so', () => {
    const asynchronous = v.objectAsync({
      total: v.pipeAsync(
        v.number(),
        v.checkAsync(async () => true),
      ),
    })
    // @ts-expect-error A schema of valibot with asynchronous checks.
    const serde = json(asynchronous)
    const own = {
      '~standard': { version: 1, vendor: 'own', validate: async (value: unknown) => ({ value }) },
    } as const
    // @ts-expect-error A schema that always returns a promise.
    expect([serde, json(own)]).toHaveLength(2)
  })

  test('fails when it is used, and leaves no rejection unhandled', async () => {
    for (const schema of [zodAsync, pending]) {
      const error = failure(() => topic('t', { value: json(schema) }).record({ value: 'x' }))
      expect(error).toMatchObject({ code: 'INVALID_OPTION', fatal: true })
      expect(error.message).toContain('is asynchronous')
    }
    await new Promise((resolve) => setImmediate(resolve))
  })

  test('rejects the reader whatever the policy: a fault of the program does not lose records', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['"a"'])
      const consumer = scenario.kafka.consumer({
        groupId: 'g',
        topics: [topic('t', { value: json(zodAsync) })],
        offsetReset: 'earliest',
        onBadRecord: 'skip',
      })
      for (const reader of [consumer.messages(), consumer.batches()]) {
        await expect(reader.next()).rejects.toMatchObject({ code: 'INVALID_OPTION', topic: 't', offset: 0n })
      }
    }))
})

test.each([[{}], [null], ['schema'], [undefined], [{ '~standard': { version: 2, validate: () => ({}) } }]])(
  'json(%j) is refused: it is no schema',
  (schema) => {
    expect(failure(() => json(schema as never)).code).toBe('INVALID_ARGUMENT')
  },
)

test('the places of many issues are shortened; those in lists have their index', () => {
  const issues = Array.from({ length: 8 }, (_, i) => ({ message: 'no', path: ['items', i, { key: 'price' }] }))
  const schema: StandardSchema<unknown> = { '~standard': { version: 1, vendor: 'own', validate: () => ({ issues }) } }
  const error = failure(() => topic('t', { value: json(schema) }).record({ value: 1 }))
  expect(error.message).toContain("at 'items[0].price', 'items[1].price', ")
  expect(error.message).toMatch(/'items\[4\]\.price' and 3 more$/)
  const root: StandardSchema<unknown> = {
    '~standard': { version: 1, vendor: 'own', validate: () => ({ issues: [{ message: 'no' }] }) },
  }
  expect(failure(() => topic('t', { value: json(root) }).record({ value: 1 })).message).toMatch(/its schema$/)
})

test('a schema that throws fails as a serde that throws', () => {
  const cause = new Error('hunter2')
  const check = () => {
    throw cause
  }
  const own: StandardSchema<string> = { '~standard': { version: 1, vendor: 'own', validate: check } }
  const error = failure(() => topic('t', { value: json(own) }).record({ value: 'x' }))
  expect(error).toMatchObject({ code: 'SERIALIZE_FAILED', cause })
  expect(error.message).not.toContain('hunter2')
  // zod tries again asynchronously.
  const throwing = failure(() => topic('t', { value: json(z.string().refine(check)) }).record({ value: 'x' }))
  expect(throwing.message).toContain('is asynchronous, or one of its checks threw')
})

import { describe, expect, test } from 'vitest'
import type { DeadLetterOptions, DetachedMessage } from '../../src/index.ts'
import { consumerOf } from '../support/consuming.ts'
import { headersOf, lettersIn } from '../support/letters.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const topics = { t: 1, dlq: 1 }
const timestamp = 1_700_000_000_123

/** The dead letters of the records at 't', whose handler throws `thrown`. */
async function letters(
  scenario: Scenario,
  headers: DeadLetterOptions['headers'],
  { thrown } = { thrown: new RangeError('too far') as unknown },
  ownHeaders: readonly (readonly [string, string])[] = [['trace', '1']],
): Promise<DetachedMessage[]> {
  await scenario.kafka.producer().send([
    { topic: 't', value: 'x', timestamp, headers: ownHeaders },
    { topic: 't', key: 'k', value: 'y', timestamp, headers: ownHeaders },
  ])
  const consumer = consumerOf(scenario)
  const running = consumer.run({
    deadLetter: { topic: 'dlq', headers },
    each: () => {
      throw thrown
    },
  })
  await scenario.advance('2s')
  await consumer.close()
  await running
  return lettersIn(scenario, 'dlq')
}

const hex = ({ headers }: DetachedMessage) => headers.map(({ key, value }) => [key, value?.toString('hex')])
const text = (value: string) => Buffer.from(value).toString('hex')

describe('the headers of a dead letter', () => {
  test('are those of Spring Kafka, names and bytes', () =>
    onTestkit({ topics }, async (scenario) => {
      const [, letter] = await letters(scenario, 'spring')
      const stack = headersOf(letter!)['kafka_dlt-exception-stacktrace']
      expect(stack).toMatch(/^RangeError: too far\n {4}at /)
      expect(hex(letter!)).toEqual([
        ['trace', text('1')],
        ['kafka_dlt-exception-fqcn', text('RangeError')],
        ['kafka_dlt-exception-cause-fqcn', text('RangeError')],
        ['kafka_dlt-exception-message', text('too far')],
        ['kafka_dlt-exception-stacktrace', text(stack ?? '')],
        ['kafka_dlt-original-topic', text('t')],
        ['kafka_dlt-original-partition', '00000000'],
        ['kafka_dlt-original-offset', '0000000000000001'],
        ['kafka_dlt-original-timestamp', timestamp.toString(16).padStart(16, '0')],
        ['kafka_dlt-original-timestamp-type', text('CreateTime')],
        ['kafka_dlt-original-consumer-group', text('g')],
      ])
      expect(letter!.timestamp, 'that of the dead letter').not.toBe(timestamp)
    }))

  test('are those of Kafka Connect, names and bytes, and the timestamp is kept', () =>
    onTestkit({ topics }, async (scenario) => {
      const [, letter] = await letters(scenario, 'connect')
      const stack = headersOf(letter!)['__connect.errors.exception.stacktrace']
      expect(hex(letter!)).toEqual([
        ['trace', text('1')],
        ['__connect.errors.topic', text('t')],
        ['__connect.errors.partition', text('0')],
        ['__connect.errors.offset', text('1')],
        ['__connect.errors.connector.name', text('g')],
        ['__connect.errors.task.id', text('0')],
        ['__connect.errors.stage', text('TASK_PUT')],
        ['__connect.errors.class.name', text('ottla.Consumer')],
        ['__connect.errors.exception.class.name', text('RangeError')],
        ['__connect.errors.exception.message', text('too far')],
        ['__connect.errors.exception.stacktrace', text(stack ?? '')],
      ])
      expect(letter!.timestamp).toBe(timestamp)
    }))

  test('are those that a function returns, as an object, as a list or none', () =>
    onTestkit({ topics }, async (scenario) => {
      const [first, second] = await letters(scenario, ({ message, error, original, groupId, attempts }) =>
        message.key === null
          ? [
              { key: 'why', value: String(error) },
              { key: 'why', value: null },
            ]
          : { why: `${groupId} ${attempts} ${original.topic}/${original.offset}`, bytes: new Uint8Array([0xff]) },
      )
      expect(hex(first!).slice(1)).toEqual([
        ['why', text('RangeError: too far')],
        ['why', undefined],
      ])
      expect(hex(second!).slice(1)).toEqual([
        ['why', text('g 1 t/1')],
        ['bytes', 'ff'],
      ])
    }))

  test('describe anything that a handler throws', () =>
    onTestkit({ topics }, async (scenario) => {
      const hostile = Object.create(null, {
        message: {
          get() {
            throw new Error('no')
          },
        },
      }) as object
      const thrown: [unknown, string, string][] = [
        ['a text', 'string', 'a text'],
        [undefined, 'undefined', 'undefined'],
        [null, 'object', 'null'],
        [hostile, 'Object', 'object'],
        [new Error('x'.repeat(100_000)), 'Error', 'x'.repeat(2_000)],
      ]
      for (const [value, name, message] of thrown) {
        const found = headersOf((await letters(scenario, 'ottla', { thrown: value })).at(-1)!)
        expect([found['ottla-error-name'], found['ottla-error-message']]).toEqual([name, message])
      }
    }))

  test('replace an earlier description of their own format, and keep what others wrote', () =>
    onTestkit({ topics }, async (scenario) => {
      const before = [
        ['kafka_dlt-exception-fqcn', 'Old'],
        ['kafka_dlt-original-topic', 'older'],
        ['ottla-attempts', '7'],
        ['trace', '1'],
      ] as const
      const [spring] = await letters(scenario, 'spring', { thrown: new Error('now') }, before)
      const names = spring!.headers.map(({ key }) => key)
      // As Spring does: the exception is replaced, the place is appended.
      expect(names.filter((name) => name === 'kafka_dlt-exception-fqcn')).toHaveLength(1)
      expect(names.filter((name) => name === 'kafka_dlt-original-topic')).toHaveLength(2)
      expect(headersOf(spring!)).toMatchObject({ 'kafka_dlt-exception-fqcn': 'Error', 'kafka_dlt-original-topic': 't' })
      expect(names).not.toContain('ottla-attempts')
      expect(names).toContain('trace')
    }))

  test('that a function gets wrong fail the dead letter, and nothing is lost', () =>
    onTestkit({ topics }, async (scenario) => {
      await scenario.kafka.producer().send({ topic: 't', value: 'x' })
      const each = () => {
        throw new Error('bad')
      }
      for (const headers of [() => ({ a: 1 }), () => [{ nokey: 'x' }], () => 'text'] as never[]) {
        const consumer = consumerOf(scenario)
        const error = await failure(consumer.run({ each, deadLetter: { topic: 'dlq', headers } }))
        await consumer.close()
        expect(error).toMatchObject({ code: 'HANDLER_FAILED', offset: 0n })
      }
      expect(await lettersIn(scenario, 'dlq')).toEqual([])
    }))
})

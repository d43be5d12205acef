import { expect, test } from 'vitest'
import { DeadLetterWriter } from '../../src/consumer/failures/dead-letter-writer.ts'
import { resolveDeadLetter } from '../../src/consumer/failures/failure-options.ts'
import { FailureSender } from '../../src/consumer/failures/failure-sender.ts'
import { TopicRecovery } from '../../src/consumer/failures/recovery.ts'
import { json, topic } from '../../src/index.ts'
import { append, consumerOf } from '../support/consuming.ts'
import { headersOf, lettersIn, valuesOf } from '../support/letters.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

test.each([
  ['spring', 'key', { 'kafka_dlt-key-exception-fqcn': 'SyntaxError', 'kafka_dlt-key-exception-message': 'no JSON' }],
  ['spring', 'value', { 'kafka_dlt-exception-fqcn': 'SyntaxError', 'kafka_dlt-exception-message': 'no JSON' }],
  ['connect', 'key', { '__connect.errors.stage': 'KEY_CONVERTER' }],
  ['connect', 'value', { '__connect.errors.stage': 'VALUE_CONVERTER' }],
  ['ottla', 'value', { 'ottla-attempts': '0', 'ottla-original-offset': '0' }],
] as const)('a record that cannot be decoded is sent as it is (%s, %s)', (headers, field, expected) =>
  onTestkit({ topics: { t: 1, dlq: 1 } }, async (scenario) => {
    await append(scenario, 0, ['\ufffd{'])
    const consumer = consumerOf(scenario)
    const [message] = await consumer.poll()
    const notices: unknown[] = []
    const { runtime } = scenario.cluster
    const host = {
      ...{ runtime, groupId: 'g', sender: new FailureSender(runtime, () => scenario.kafka.producer()) },
      isRead: (topic: string) => topic === 't',
      onForwarded: (notice: unknown) => notices.push(notice),
    }
    const options = (topic: string) => ({
      deadLetter: resolveDeadLetter({ topic, headers }, 'kafka.consumer()', 'deadLetter.'),
      retryTopics: [],
    })
    const bad = { message: message!, field, error: new SyntaxError('no JSON') }
    await new DeadLetterWriter(new TopicRecovery(host, options('dlq'), -1)).write(bad)
    const [letter] = await lettersIn(scenario, 'dlq')
    expect(valuesOf([letter!])).toEqual(['\ufffd{'])
    expect(headersOf(letter!)).toMatchObject(expected)
    expect(notices).toHaveLength(1)
    const circle = new DeadLetterWriter(new TopicRecovery(host, options('t'), -1)).write(bad)
    expect(String(await failure(circle))).toMatch(/one that this consumer reads/)
  }),
)

test('a record that a typed topic cannot decode becomes a dead letter with its bytes, and the offset moves', () =>
  onTestkit({ topics: { t: 1, dlq: 1 } }, async (scenario) => {
    const typed = topic('t', { value: json<{ id: number }>() })
    const producer = scenario.kafka.producer()
    await producer.send(['{"id":0}', 'no JSON', '{"id":2}'].map((value) => ({ topic: 't', key: 'k', value })))
    const consumer = scenario.kafka.consumer({
      groupId: 'g',
      topics: typed,
      offsetReset: 'earliest',
      onBadRecord: 'dead-letter',
      deadLetter: { topic: 'dlq' },
    })
    const seen: (number | undefined)[] = []
    const running = consumer.run({ each: ({ value }) => void seen.push(value?.id) })
    await scenario.advance('3s')
    await consumer.close()
    await running
    expect(seen).toEqual([0, 2])
    const [letter, ...more] = await lettersIn(scenario, 'dlq')
    expect(more).toEqual([])
    expect([letter?.key?.toString(), letter?.value?.toString()]).toEqual(['k', 'no JSON'])
    expect(headersOf(letter!)).toMatchObject({ 'ottla-original-topic': 't', 'ottla-original-offset': '1' })
    const [stored] = await scenario.kafka.admin().listConsumerGroupOffsets('g')
    expect(stored).toMatchObject({ offset: 3n })
  }))

test('the records of a retry topic have the types of the topic that the consumer reads', () =>
  onTestkit({ topics: { t: 1, again: 1 } }, async (scenario) => {
    const typed = topic('t', { value: json<{ id: number }>() })
    const producer = scenario.kafka.producer()
    await producer.send([0, 1, 2].map((id) => typed.record({ value: { id } })))
    const consumer = scenario.kafka.consumer({ groupId: 'g', topics: typed, offsetReset: 'earliest' })
    const calls: (number | undefined)[] = []
    const running = consumer.run({
      retryTopics: [{ topic: 'again', delayMs: 1_000 }],
      each: ({ value }, { retry }) => {
        calls.push(value?.id)
        if (value?.id === 1 && retry === undefined) throw new Error('not yet')
      },
    })
    await scenario.advance('20s')
    await consumer.close()
    await running
    expect(calls).toEqual([0, 1, 2, 1])
  }))

test('retry topics of several topics, of which one is typed, are refused: their records would have no type', () =>
  onTestkit({ topics: { t: 1, u: 1 } }, async (scenario) => {
    const typed = topic('t', { value: json() })
    const consumer = scenario.kafka.consumer({ groupId: 'g', topics: [typed, 'u'] })
    const running = consumer.run({ retryTopics: [{ topic: 'again', delayMs: 1_000 }], each: () => {} })
    expect(await failure(running)).toMatchObject({ code: 'INVALID_OPTION', hint: /consumer of its own/ })
  }))

import { expect, test } from 'vitest'
import { DeadLetterWriter } from '../../src/consumer/failures/dead-letter-writer.ts'
import { resolveDeadLetter } from '../../src/consumer/failures/failure-options.ts'
import { FailureSender } from '../../src/consumer/failures/failure-sender.ts'
import { TopicRecovery } from '../../src/consumer/failures/recovery.ts'
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

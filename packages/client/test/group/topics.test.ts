import { JoinGroup, Metadata } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { decodeSubscription } from '../../src/group/consumer-protocol.ts'
import type { KafkaError } from '../../src/index.ts'
import { append, consumerOf, take } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { recordedLog } from '../support/recorded-log.ts'

/** The topics of each JoinGroup. */
const joinedTopics = (scenario: Scenario) =>
  scenario.seen(JoinGroup).map(({ body }) => decodeSubscription(body.protocols[0]!.metadata).topics)

/** The error that a reader rejects with. */
async function failureOf(reading: Promise<unknown>): Promise<KafkaError> {
  return reading.then(
    () => expect.fail('the reader did not reject'),
    (error: KafkaError) => error,
  )
}

describe('the first look-up of the subscribed topics', () => {
  for (const topics of [['t'], [/^t/]]) {
    test(`waits for a cluster that is not up yet (${String(topics[0])})`, () =>
      onTestkit({}, async (scenario) => {
        const heal = scenario.cluster.disconnect('clients', 1)
        const consumer = consumerOf(scenario, { topics })
        const reading = take(consumer.messages(), 1)
        await scenario.advance('40s')
        heal()
        await append(scenario, 0, ['a'])
        expect(await reading).toEqual(['a'])
      }))
  }

  test('fails at the deadline of API calls with an error that names the topics and the brokers', () =>
    onTestkit({ kafka: { apiTimeoutMs: 30_000 } }, async (scenario) => {
      scenario.cluster.disconnect('clients', 1)
      const startedMs = scenario.nowMs
      const error = await failureOf(
        consumerOf(scenario, { topics: ['t', 'u'] })
          .messages()
          .next(),
      )
      expect(scenario.nowMs - startedMs).toBeLessThan(30_001)
      expect(scenario.nowMs - startedMs).toBeGreaterThan(25_000)
      expect(error).toMatchObject({ code: 'TIMED_OUT', fatal: true })
      expect(error.message).toMatch(
        /^Looking up the subscribed topics 't', 'u' did not succeed within \d+ ms: .*broker/,
      )
    }))

  test('ends when the consumer is closed', () =>
    onTestkit({}, async (scenario) => {
      scenario.cluster.disconnect('clients', 1)
      const consumer = consumerOf(scenario)
      const reading = consumer.messages().next()
      await scenario.advance('5s')
      const startedMs = scenario.nowMs
      await consumer.close()
      expect(scenario.nowMs - startedMs).toBeLessThan(100)
      expect(await reading).toMatchObject({ done: true })
    }))
})

describe('a subscribed topic that the brokers refuse', () => {
  const forbid = ({ fault }: Scenario, topic = 'u') =>
    fault('Metadata', { error: 'TOPIC_AUTHORIZATION_FAILED' }, 'always', { topic })

  test('does not affect the others; it is logged once by its own code, and read as soon as it can be', () => {
    const log = recordedLog()
    return onTestkit({ topics: { t: 1, u: 1 }, kafka: { logger: log.logger } }, async (scenario) => {
      const fault = forbid(scenario)
      await append(scenario, 0, ['a'])
      const reader = consumerOf(scenario, { topics: ['t', 'u'] }).messages()
      expect(await take(reader, 1)).toEqual(['a'])
      await scenario.advance('2m')
      expect(log.lines.filter((line) => line.includes('TOPIC_AUTHORIZATION_FAILED'))).toHaveLength(1)
      expect(log.lines.filter((line) => line.includes('do not exist'))).toEqual([])
      fault.remove()
      await scenario.kafka.producer().send({ topic: 'u', value: 'secret' })
      expect(await take(reader, 1)).toEqual(['secret'])
    })
  })

  test('is also found beside a pattern, whose list of topics leaves it out', () => {
    const log = recordedLog()
    return onTestkit({ topics: { t: 1 }, kafka: { logger: log.logger } }, async (scenario) => {
      const reader = consumerOf(scenario, { topics: [/^t/, 'not a name'] }).messages()
      await append(scenario, 0, ['a'])
      expect(await take(reader, 1)).toEqual(['a'])
      await scenario.advance('2m')
      expect(log.lines.filter((line) => line.includes('INVALID_TOPIC_EXCEPTION'))).toHaveLength(1)
      expect(log.lines.filter((line) => line.includes('do not exist'))).toEqual([])
    })
  })

  test('for its name is left out of the join, and not looked up again', () =>
    onTestkit({}, async (scenario) => {
      const reader = consumerOf(scenario, { topics: ['t', 'no good name!'] }).messages()
      await append(scenario, 0, ['a'])
      expect(await take(reader, 1)).toEqual(['a'])
      expect(joinedTopics(scenario).every((topics) => topics.join() === 't')).toBe(true)
      const requests = scenario.seen(Metadata).length
      await scenario.advance('60s')
      expect(scenario.seen(Metadata).length).toBe(requests)
    }))

  test.each([
    ['forbidden', 'TOPIC_AUTHORIZATION_FAILED', ['u']],
    ['of an invalid name', 'INVALID_TOPIC_EXCEPTION', ['no good name!']],
    ['forbidden or invalid', 'TOPIC_AUTHORIZATION_FAILED', ['u', 'no good name!']],
  ])('rejects the reader when all of them are %s', (_, code, topics) =>
    onTestkit({ topics: { t: 1, u: 1 } }, async (scenario) => {
      forbid(scenario)
      const error = await failureOf(consumerOf(scenario, { topics }).messages().next())
      expect(error).toMatchObject({ code, topic: topics[0], fatal: true })
      expect(scenario.seen(JoinGroup)).toEqual([])
    }),
  )

  test('at the start has old records: they are not read as if its partitions were new', () =>
    onTestkit({ topics: { t: 1, u: 1 } }, async (scenario) => {
      const fault = forbid(scenario, 't')
      await append(scenario, 0, ['old'])
      const reading = take(consumerOf(scenario, { topics: ['t', 'u'], offsetReset: 'latest' }).messages(), 1)
      await scenario.advance('5s')
      fault.remove()
      await scenario.advance('20s')
      await append(scenario, 0, ['new'])
      expect(await reading).toEqual(['new'])
    }))
})

import { JoinGroup, Metadata } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { MissingTopics } from '../../src/consumer/missing-topics.ts'
import { Subscription } from '../../src/consumer/subscription.ts'
import { decodeSubscription } from '../../src/group/consumer-protocol.ts'
import { Kafka, type KafkaError, silentLogger } from '../../src/index.ts'
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

describe('a topic that is created again with more partitions', () => {
  const again = ({ cluster }: Scenario, name: string) =>
    cluster.createTopic({ name, partitions: 3, replicationFactor: 1 })

  test('is read completely, although the leader of the group has no partition of it', () =>
    onTestkit({ topics: { t: 1, u: 1 } }, async (scenario) => {
      const values: string[] = []
      const clients: Kafka[] = []
      const start = async () => {
        const { bootstrap: brokers, runtime } = scenario.cluster
        const kafka = new Kafka({ brokers, runtime, logger: silentLogger })
        clients.push(kafka)
        const topics = ['t', 'u']
        const consumer = kafka.consumer({ groupId: 'g', topics, offsetReset: 'earliest', assignors: ['roundrobin'] })
        void consumer.run({ each: ({ value }) => void values.push(String(value)) })
        await consumer.ready()
        return consumer
      }
      await start()
      const follower = await start()
      const [{ topic } = { topic: '' }] = follower.assignment()
      await scenario.deleteTopic(topic)
      await again(scenario, topic)
      await scenario.advance('20s')
      const producer = scenario.kafka.producer()
      for (const partition of [0, 1, 2]) await producer.send({ topic, partition, value: `in ${partition}` })
      await scenario.advance('5s')
      expect(values.sort()).toEqual(['in 0', 'in 1', 'in 2'])
      for (const kafka of clients) await kafka.close()
    }))

  test('is looked up until it exists, although the metadata still has its former partitions', () =>
    onTestkit({ topics: { u: 1 } }, async (scenario) => {
      const cluster = scenario.connect()
      const subscription = new Subscription(cluster, ['u'])
      await subscription.topics(new AbortController().signal)
      await scenario.deleteTopic('u')
      await cluster.refreshMetadata('a test')
      const missing = new MissingTopics(cluster, subscription)
      missing.look()
      expect(cluster.topic('u')?.partitions).toHaveLength(1)
      await again(scenario, 'u')
      await scenario.advance('1s')
      expect(cluster.topic('u')?.partitions).toHaveLength(3)
      missing.stop()
      subscription.close()
    }))
})

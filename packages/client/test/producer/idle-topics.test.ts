import { Metadata } from '@ottla/codec'
import { expect, test } from 'vitest'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

/** The topics of the next metadata request. */
async function requestedTopics(scenario: Scenario): Promise<string[]> {
  const before = scenario.seen(Metadata).length
  await failure(scenario.kafka.producer().send({ topic: 'nowhere', value: 'x' }))
  return scenario.seen(Metadata)[before]!.body.topics!.map(({ name }) => name!)
}

const names = Array.from({ length: 50 }, (_, i) => `t${i}`)
const topics = Object.fromEntries(names.map((name) => [name, 2]))

test('topics without records for 5 minutes are no longer requested, and their next records are stored once, in order', () =>
  onTestkit({ topics }, async (scenario) => {
    const producer = scenario.kafka.producer()
    const sendToAll = (value: string) =>
      producer.send(names.flatMap((topic) => [0, 1].map((partition) => ({ topic, partition, value }))))
    await sendToAll('a')
    await producer.send({ topic: 't0', partition: 0, value: 'still used' })
    expect(await requestedTopics(scenario)).toHaveLength(names.length + 1)
    await scenario.advance('4m')
    await producer.send({ topic: 't0', partition: 0, value: 'still used' })
    await scenario.advance('2m')
    expect((await requestedTopics(scenario)).sort()).toEqual(['nowhere', 't0'])
    const busy = Array.from({ length: 20 }, (_, i) => producer.send({ topic: 't0', partition: 1, value: `${i}` }))
    await sendToAll('b')
    await sendToAll('c')
    await Promise.all(busy)
    for (const topic of names.slice(1)) {
      for (const partition of [0, 1]) expect(await scenario.values(topic, partition)).toEqual(['a', 'b', 'c'])
    }
    const ofBusy = await scenario.values('t0', 1)
    expect(ofBusy).toEqual(['a', ...Array.from({ length: 20 }, (_, i) => `${i}`), 'b', 'c'])
    await scenario.advance('11m')
    expect(await requestedTopics(scenario)).toEqual(['nowhere'])
    await sendToAll('d')
    await scenario.advance('11m')
    expect(await requestedTopics(scenario)).toEqual(['nowhere'])
  }))

test('a misspelt name is not requested with each refresh', () =>
  onTestkit({}, async (scenario) => {
    const producer = scenario.kafka.producer()
    await failure(producer.send({ topic: 'tt', value: 'x' }))
    expect(await requestedTopics(scenario)).toEqual(['nowhere'])
    const late = producer.send({ topic: 'tt', value: 'y' })
    await scenario.advance('1s')
    await scenario.cluster.createTopic({ name: 'tt', partitions: 1, replicationFactor: 1 })
    await late
    expect(await scenario.values('tt')).toEqual(['y'])
  }))

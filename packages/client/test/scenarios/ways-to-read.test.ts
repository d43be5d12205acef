import { expect, test } from 'vitest'
import type { Consumer, ConsumerOptions, Kafka, Message, StartPlace } from '../../src/index.ts'
import { take, textOf } from '../support/records.ts'
import { onTargets } from '../support/targets.ts'

const hourMs = 3_600_000

onTargets('ways to read', (target) => {
  async function filled(base: string, values: readonly string[], partitions = 1) {
    const topic = await target().createTopic(base, { partitions })
    const kafka = target().newKafka()
    const nowMs = Date.now()
    // An hour between two records, up to now.
    const records = values.map((value, i) => ({
      ...{ topic, value, partition: i % partitions },
      timestamp: nowMs - (values.length - 1 - i) * hourMs,
    }))
    for (const record of records) await kafka.producer({ lingerMs: 0 }).send(record)
    return { topic, kafka, nowMs }
  }

  const toTheEnd = (kafka: Kafka, topic: string, options: Partial<ConsumerOptions> = {}): Consumer =>
    kafka.consumer({ topics: [topic], from: 'earliest', until: 'end', ...options })

  async function allOf(consumer: AsyncIterable<Message>): Promise<string[]> {
    const read: string[] = []
    for await (const message of consumer) read.push(textOf(message))
    return read
  }

  test('begins at a time, a duration ago or the last records, and ends by itself', async () => {
    const { topic, kafka, nowMs } = await filled('starts', ['a', 'b', 'c', 'd'])
    const from = async (place: StartPlace) => (await allOf(toTheEnd(kafka, topic, { from: place }))).join('')
    expect(await from('earliest')).toBe('abcd')
    expect(await from('latest')).toBe('')
    expect(await from({ timestamp: nowMs - 2 * hourMs })).toBe('bcd')
    expect(await from({ timestamp: nowMs + hourMs })).toBe('')
    expect(await from({ durationMs: 1.5 * hourMs })).toBe('cd')
    expect(await from({ last: 3 })).toBe('bcd')
    expect(await from({ last: 9 })).toBe('abcd')
    expect((await allOf(toTheEnd(kafka, topic, { until: { timestamp: nowMs - hourMs } }))).join('')).toBe('ab')
  })

  test('applies a duration where a group has no commit', async () => {
    const { topic, kafka } = await filled('duration', ['a', 'b', 'c'])
    const groupId = target().uniqueName('duration')
    const options = { groupId, from: undefined, offsetReset: { durationMs: 1.5 * hourMs } } as const
    const consumer = toTheEnd(kafka, topic, options)
    expect(await allOf(consumer)).toEqual(['b', 'c'])
    await consumer.close()
    await kafka.producer().send({ topic, value: 'd' })
    expect(await allOf(toTheEnd(kafka, topic, options))).toEqual(['d'])
  })

  test('ends behind markers and aborted transactions, by every way to read', async () => {
    const { topic, kafka } = await filled('markers', ['a', 'b', 'c'], 3)
    const producer = kafka.transactionalProducer({ transactionalId: target().uniqueName('tx') })
    await producer.transaction((tx) => tx.send({ topic, partition: 0, value: 'committed' }))
    const aborted = producer.transaction(async (tx) => {
      await tx.send({ topic, partition: 1, value: 'aborted' })
      throw new Error('on purpose')
    })
    await expect(aborted).rejects.toThrow('on purpose')

    const expected = ['a', 'b', 'c', 'committed']
    expect((await allOf(toTheEnd(kafka, topic))).sort()).toEqual(expected)
    const lists: string[] = []
    for await (const list of toTheEnd(kafka, topic).collected({ maxRecords: 3, maxWaitMs: 50 })) {
      expect(list.length).toBeLessThanOrEqual(3)
      lists.push(...list.map(textOf))
    }
    expect(lists.sort()).toEqual(expected)
    const run: string[] = []
    await toTheEnd(kafka, topic).run({ each: (message) => run.push(textOf(message)), concurrency: 2 })
    expect(run.sort()).toEqual(expected)
    const streamed: string[] = []
    for await (const message of toTheEnd(kafka, topic).readable()) streamed.push(textOf(message))
    expect(streamed.sort()).toEqual(expected)
    const partitioned: Promise<string[]>[] = []
    for await (const reader of toTheEnd(kafka, topic).partitionReaders()) {
      partitioned.push(allOf(reader))
    }
    expect((await Promise.all(partitioned)).flat().sort()).toEqual(expected)
  })

  test('collects, and commits only what was passed to the application', async () => {
    const { topic, kafka } = await filled('collected', ['a', 'b', 'c', 'd', 'e'])
    const groupId = target().uniqueName('collected')
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest' })
    for await (const list of consumer.collected({ maxRecords: 2, maxWaitMs: 100 })) {
      if (list.some((message) => textOf(message) === 'c')) break
    }
    await consumer.close()
    const [commit] = await kafka.admin().listConsumerGroupOffsets(groupId)
    expect(commit?.offset).toBe(2n)
  })

  test('streams with manual commits, and gives back what was not marked', async () => {
    const { topic, kafka } = await filled('streams', ['a', 'b', 'c', 'd', 'e'])
    const groupId = target().uniqueName('streams')
    const consumer = kafka.consumer({ groupId, topics: [topic], offsetReset: 'earliest', commit: 'manual' })
    for await (const message of consumer.webStream({ highWaterMark: 2 })) {
      if (textOf(message) === 'c') break
      await consumer.commit(message)
    }
    expect((await take(consumer, 3)).map(textOf)).toEqual(['c', 'd', 'e'])
    await consumer.close()
    const [commit] = await kafka.admin().listConsumerGroupOffsets(groupId)
    expect(commit?.offset).toBe(2n)
  })
})

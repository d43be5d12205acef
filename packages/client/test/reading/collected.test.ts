import { describe, expect, test } from 'vitest'
import { type CollectOptions, type Consumer, KafkaError, type Message } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, values } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const everySecond = { maxRecords: 3, maxWaitMs: 1_000 }

const nextOf = async (reader: AsyncIterator<Message[]>) => values((await reader.next()).value ?? [])

/** A list of one message is being collected of each partition, and does not become full. */
async function collecting(scenario: Scenario, consumer: Consumer, options: CollectOptions) {
  const reader = consumer.collected(options)
  const next = reader.next()
  await scenario.advance('1s')
  for (const partition of [0, 1]) await append(scenario, partition, [`${partition}`])
  await scenario.advance('1s')
  return { reader, next }
}

describe('collected', () => {
  test('delivers full lists over batches and partitions immediately, and the rest after its time', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['c', 'd', 'e'])
      const reader = consumerOf(scenario).collected(everySecond)
      expect(await nextOf(reader)).toEqual(['a', 'b', 'c'])
      const startedMs = scenario.nowMs
      expect(await nextOf(reader)).toEqual(['d', 'e'])
      expect(scenario.nowMs - startedMs).toBe(1_000)
    }))

  test('counts the time from the first message, however long that takes', () =>
    onTestkit({}, async (scenario) => {
      const next = nextOf(consumerOf(scenario).collected(everySecond))
      await scenario.advance('10s')
      await append(scenario, 0, ['a'])
      await scenario.advance('700ms')
      await append(scenario, 0, ['b'])
      expect(await next).toEqual(['a', 'b'])
    }))

  test('commits a list as a whole, when the next one is requested', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd'])
      const consumer = consumerOf(scenario)
      const reader = consumer.collected(everySecond)
      expect(await nextOf(reader)).toEqual(['a', 'b', 'c'])
      await consumer.commit()
      expect(committedAt(scenario)).toBe(0)
      expect(await nextOf(reader)).toEqual(['d'])
      await consumer.commit()
      expect(committedAt(scenario)).toBe(3)
    }))

  test('delivers a list again after break, but for what was marked', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      const consumer = consumerOf(scenario)
      for await (const messages of consumer.collected(everySecond)) {
        consumer.done(messages[0]!)
        break
      }
      expect(await take(consumer.messages(), 2)).toEqual(['b', 'c'])
    }))

  test('marks nothing by itself in the mode manual', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      for await (const messages of consumer.collected({ maxRecords: 2, maxWaitMs: 10 })) {
        if (values(messages).includes('c')) break
      }
      await consumer.commit()
      expect(committedAt(scenario)).toBe(undefined)
    }))

  test('loses what it collected of a revoked partition, which does not wait for it', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const revoked: number[] = []
      const consumer = consumerOf(scenario, {
        assignors: ['cooperative-sticky'],
        onRevoked: (places) => {
          revoked.push(...places.map(({ partition }) => partition))
        },
      })
      const { next } = await collecting(scenario, consumer, { maxRecords: 10, maxWaitMs: 60_000 })
      const startedMs = scenario.nowMs
      const other = consumerOf(scenario, { assignors: ['cooperative-sticky'] })
      const others = await take(other.messages(), 1)
      expect(scenario.nowMs - startedMs).toBeLessThan(5_000)
      expect(others).toEqual(revoked.map(String))
      expect(values((await next).value ?? [])).toEqual(['0', '1'].filter((one) => !others.includes(one)))
    }))

  test('drops what it is collecting when the consumer closes', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const consumer = consumerOf(scenario)
      const { next } = await collecting(scenario, consumer, { maxRecords: 10, maxWaitMs: 60_000 })
      const startedMs = scenario.nowMs
      await consumer.close()
      expect(await next).toEqual({ value: undefined, done: true })
      expect(scenario.nowMs - startedMs).toBeLessThan(1_000)
      expect(committedAt(scenario)).toBe(0)
    }))

  test('rejects at its signal, and gives back what it collected', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const stop = new AbortController()
      const consumer = consumerOf(scenario)
      const { next } = await collecting(scenario, consumer, { maxWaitMs: 60_000, signal: stop.signal })
      stop.abort()
      expect(await failure(next)).toMatchObject({ code: 'ABORTED' })
      expect((await take(consumer.messages(), 2)).sort()).toEqual(['0', '1'])
    }))

  test('drops what it collected of a partition that is sought, and reads from there', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const consumer = consumerOf(scenario)
      const { next } = await collecting(scenario, consumer, { maxRecords: 3, maxWaitMs: 60_000 })
      consumer.seek({ topic: 't', partition: 0, offset: 0n })
      await append(scenario, 0, ['x'])
      expect(values((await next).value ?? [])).toEqual(['1', '0', 'x'])
    }))

  test('ends with the last list where reading has an end', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd'])
      const lists: unknown[] = []
      const consumer = consumerOf(scenario, { until: 'end' })
      for await (const messages of consumer.collected({ maxRecords: 3, maxWaitMs: 60_000 }))
        lists.push(values(messages))
      expect(lists).toEqual([['a', 'b', 'c'], ['d']])
    }))

  test('is one reader of the consumer', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario)
      const reader = consumer.collected()
      const next = reader.next()
      await expect(reader.next()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      await scenario.advance('1s')
      await expect(consumer.messages().next()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      await reader.return()
      expect(await next).toEqual({ value: undefined, done: true })
      await append(scenario, 0, ['a'])
      expect(await take(consumer.messages(), 1)).toEqual(['a'])
    }))

  test.each<[object, RegExp]>([
    [{ maxRecords: 0 }, /'maxRecords' of consumer.collected\(\) must be an integer/],
    [{ maxWaitMs: -1 }, /'maxWaitMs' of consumer.collected\(\) must be milliseconds/],
    [{ maxWaitMs: 300_000 }, /'maxWaitMs' of consumer.collected\(\) must be less than 'maxProcessingMs'/],
    [{ maxRecord: 5 }, /'maxRecord' of consumer.collected\(\) does not exist/],
  ])('refuses %j', (options, message) =>
    onTestkit({}, async (scenario) => {
      const create = () => consumerOf(scenario).collected(options)
      expect(create).toThrow(KafkaError)
      expect(create).toThrow(message)
    }),
  )
})

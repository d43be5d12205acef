import { Fetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Consumer, Message } from '../../src/index.ts'
import { append, commitAt, committedAt, consumerOf, take, value, values } from '../support/consuming.ts'
import { onTestkit } from '../support/on-testkit.ts'

describe('for await', () => {
  test('delivers the records in order, with all their fields', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 0, ['c', null])
      const seen: Message[] = []
      for await (const message of consumerOf(scenario)) if (seen.push(message) === 4) break
      expect(values(seen)).toEqual(['a', 'b', 'c', undefined])
      expect(JSON.parse(JSON.stringify(seen[0]))).toEqual({
        topic: 't',
        partition: 0,
        offset: '0',
        timestamp: 1000,
        key: 'ka',
        value: 'a',
        headers: [],
        leaderEpoch: scenario.cluster.partition('t', 0).leaderEpoch,
      })
      expect(seen[3]!.value).toBe(null)
      expect(seen[3]!.key).toBe(null)
      expect(seen[2]!.offset).toBe(2n)
      expect(seen[0]!.value).toBe(seen[0]!.value)
      expect(seen[0]!.detach()).toMatchObject({ offset: 0n, value: Buffer.from('a') })
    }))

  test('marks a message done at the next call; one left by break is delivered again, and is not committed', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd'])
      const consumer = consumerOf(scenario)
      for await (const message of consumer) if (value(message) === 'c') break
      await consumer.commit()
      expect(committedAt(scenario)).toBe(2)
      for await (const message of consumer) {
        expect(value(message)).toBe('c')
        break
      }
      const reader = consumer.messages()
      expect(await take(reader, 2)).toEqual(['c', 'd'])
      await reader.return()
      await consumer.close()
      expect(committedAt(scenario)).toBe(3)
    }))

  test('a second next before the first settles, and a second reader, are CONSUMER_BUSY', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario)
      const reader = consumer.messages()
      const first = reader.next()
      await expect(reader.next()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      await scenario.advance('1s')
      await expect(consumer.batches().next()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      await expect(consumer.poll()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      await expect(consumer.run({ each: () => {} })).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      await append(scenario, 0, ['a'])
      expect(value((await first).value)).toBe('a')
    }))

  test('close ends a pending next; an aborted signal rejects it', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario)
      const stop = new AbortController()
      const reader = consumer.messages({ signal: stop.signal })
      const first = reader.next()
      await scenario.advance('1s')
      stop.abort()
      await expect(first).rejects.toMatchObject({ code: 'ABORTED' })
      const second = consumer.messages().next()
      await scenario.advance('1s')
      await consumer.close()
      expect(await second).toEqual({ value: undefined, done: true })
      await expect(consumer.messages().next()).rejects.toMatchObject({ code: 'CLOSED' })
    }))

  test.each(['messages', 'batches', 'poll'] as const)('%s: an aborted signal comes before what is buffered', (kind) =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['c', 'd'])
      const consumer = consumerOf(scenario)
      const stop = new AbortController()
      const { signal } = stop
      const reader = kind === 'poll' ? undefined : consumer[kind]({ signal })
      const read = () => (reader === undefined ? consumer.poll({ maxRecords: 1, signal }) : reader.next())
      await read()
      await scenario.advance('1s')
      stop.abort()
      await expect(read()).rejects.toMatchObject({ code: 'ABORTED' })
    }),
  )

  test('partitions take turns, a batch each', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      for (const partition of [0, 1]) {
        await append(scenario, partition, ['a', 'b'])
        await append(scenario, partition, ['c'])
      }
      const seen: string[] = []
      for await (const message of consumerOf(scenario)) {
        if (seen.push(`${message.partition}${value(message)}`) === 6) break
      }
      expect(seen.join(' ')).toBe('0a 0b 1a 1b 0c 1c')
    }))

  test('skips records before the position within a batch', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      await commitAt(scenario, 1n)
      expect(await take(consumerOf(scenario).messages(), 2)).toEqual(['b', 'c'])
    }))
})

describe('bytes', () => {
  test('gzip batches are decompressed', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'], { gzip: true })
      await append(scenario, 0, ['c'], { gzip: true })
      expect(await take(consumerOf(scenario).messages(), 3)).toEqual(['a', 'b', 'c'])
    }))

  test('a batch that exceeds maxDecompressedBytes is an error, not an endless fetch', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['x'.repeat(10_000)], { gzip: true })
      const consumer = consumerOf(scenario, { maxDecompressedBytes: 5_000 })
      await expect(consumer.messages().next()).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE', offset: 0n })
      const fetches = scenario.seen(Fetch).length
      await scenario.advance('5s')
      expect(scenario.seen(Fetch).length).toBeLessThanOrEqual(fetches + 1)
    }))

  test('a batch larger than maxBufferedBytes is nevertheless delivered, and so is the next', () =>
    onTestkit({}, async (scenario) => {
      for (let i = 0; i < 5; i++) await append(scenario, 0, ['x'.repeat(50_000)], { gzip: true })
      const reader = consumerOf(scenario, { maxBufferedBytes: 10_000, partitionMaxBytes: 1 }).messages()
      const startedMs = scenario.nowMs
      expect(await take(reader, 5)).toHaveLength(5)
      expect(scenario.nowMs - startedMs).toBeLessThan(5_000)
    }))

  test('bytes that paused partitions hold do not keep other partitions from being read', () =>
    onTestkit({ topics: { t: 3 } }, async (scenario) => {
      for (const partition of [0, 1, 2]) {
        for (let i = 0; i < 20; i++) await append(scenario, partition, ['x'.repeat(1_000)])
      }
      const consumer = consumerOf(scenario, { maxBufferedBytes: 6_000, partitionMaxBytes: 4_000 })
      await consumer.ready()
      await scenario.advance(100)
      consumer.pause([0, 1].map((partition) => ({ topic: 't', partition })))
      const startedMs = scenario.nowMs
      expect(await take(consumer.messages(), 20)).toHaveLength(20)
      expect(scenario.nowMs - startedMs).toBeLessThan(20_000)
    }))

  test('bytes that wait for delivery are bounded', () =>
    onTestkit({}, async (scenario) => {
      for (let i = 0; i < 100; i++) await append(scenario, 0, ['x'.repeat(1_000)])
      const consumer = consumerOf(scenario, { maxBufferedBytes: 10_000, partitionMaxBytes: 1_000 })
      const reader = consumer.messages()
      await take(reader, 1)
      await scenario.advance(100)
      expect(scenario.kafka.metrics().gauges['consumer.bufferedBytes']).toBeGreaterThan(5_000)
      expect(scenario.kafka.metrics().gauges['consumer.bufferedBytes']).toBeLessThan(12_000)
      expect(await take(reader, 99)).toHaveLength(99)
    }))
})

test('poll returns what is there, marks the messages of the previous poll done, and is empty after its timeout', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a', 'b'])
    await append(scenario, 0, ['c', 'd', 'e'])
    const consumer = consumerOf(scenario)
    expect(values(await consumer.poll({ maxRecords: 4 }))).toEqual(['a', 'b', 'c', 'd'])
    await consumer.commit()
    expect(committedAt(scenario)).toBe(0)
    expect(values(await consumer.poll())).toEqual(['e'])
    await consumer.commit()
    expect(committedAt(scenario)).toBe(4)
    const startedMs = scenario.nowMs
    expect(await consumer.poll({ timeoutMs: 700 })).toEqual([])
    expect(scenario.nowMs - startedMs).toBeGreaterThanOrEqual(700)
    expect(scenario.nowMs - startedMs).toBeLessThan(702)
    await consumer.close()
    expect(committedAt(scenario)).toBe(5)
  }))

describe('a closing consumer delivers nothing more of what is buffered', () => {
  type Way = (consumer: Consumer, see: (message: Message) => void) => Promise<void>
  const loop: Way = async (consumer, see) => {
    for await (const message of consumer) see(message)
  }
  const run: Way = (consumer, each) => consumer.run({ each })
  const batches: Way = async (consumer, see) => {
    for await (const batch of consumer.batches()) for (const message of batch) see(message)
  }

  test.each([
    ['for await', loop, ['a', 'b']],
    ['run', run, ['a', 'b']],
    ['batches', batches, ['a', 'b', 'c']],
  ] as const)('to %s, and commits what was processed', (_, read, expected) =>
    onTestkit({}, async (scenario) => {
      for (const batch of [['a'], ['b', 'c'], ['d']]) await append(scenario, 0, batch)
      const consumer = consumerOf(scenario)
      const seen: Message[] = []
      await read(consumer, (message) => {
        seen.push(message)
        if (value(message) === 'b') void consumer.close()
      })
      await consumer.close()
      expect(values(seen)).toEqual(expected)
      expect(committedAt(scenario)).toBe(expected.length)
    }),
  )
})

import { DeleteRecords, Fetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Consumer, ConsumerOptions, RunOptions } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, value, values } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

/** Reads all of 't' without a group, to its end. */
const toTheEnd = ({ kafka }: Scenario, options: Partial<ConsumerOptions> = {}): Consumer =>
  kafka.consumer({ ...(options.assign === undefined && { topics: ['t'] }), from: 'earliest', until: 'end', ...options })

async function byMessages(consumer: Consumer): Promise<(string | undefined)[]> {
  const read: (string | undefined)[] = []
  for await (const message of consumer) read.push(value(message))
  return read
}

async function byBatches(consumer: Consumer): Promise<(string | undefined)[]> {
  const read: (string | undefined)[] = []
  for await (const batch of consumer.batches()) read.push(...values([...batch]))
  return read
}

async function byPolling(consumer: Consumer): Promise<(string | undefined)[]> {
  const read: (string | undefined)[] = []
  for (;;) {
    const messages = await consumer.poll({ timeoutMs: 60_000 })
    if (messages.length === 0) return read
    read.push(...values(messages))
  }
}

function byRun(options: Omit<RunOptions, 'each'>) {
  return async (consumer: Consumer): Promise<(string | undefined)[]> => {
    const read: (string | undefined)[] = []
    await consumer.run({
      each: async (message) => {
        await Promise.resolve()
        read.push(value(message))
      },
      ...options,
    })
    return read
  }
}

const ways = {
  'for await': byMessages,
  batches: byBatches,
  poll: byPolling,
  run: byRun({ concurrency: 2 }),
  'run by key': byRun({ concurrency: { by: 'key', limit: 2 } }),
}

describe.each(Object.entries(ways))('%s until the end', (_, read) => {
  test('delivers what was there at the start, and ends by itself', () =>
    onTestkit({ topics: { t: 3 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 0, ['c'])
      await append(scenario, 1, ['x'], { gzip: true })
      const consumer = toTheEnd(scenario)
      await consumer.ready()
      await append(scenario, 0, ['later'])
      await append(scenario, 2, ['later'])
      const startedMs = scenario.nowMs
      expect((await read(consumer)).sort()).toEqual(['a', 'b', 'c', 'x'])
      expect(scenario.nowMs - startedMs).toBeLessThan(2_000)
      expect(await read(consumer)).toEqual([])
    }))

  test('of empty partitions ends immediately', () =>
    onTestkit({ topics: { t: 3 } }, async (scenario) => {
      expect(await read(toTheEnd(scenario))).toEqual([])
      expect(scenario.seen(Fetch)).toEqual([])
    }))

  test('does not wait for records behind markers and aborted transactions', () =>
    onTestkit({}, async (scenario) => {
      const producer = scenario.kafka.transactionalProducer({ transactionalId: 'tx' })
      await producer.transaction((tx) => tx.send({ topic: 't', partition: 0, value: 'a' }))
      const aborted = producer.transaction(async (tx) => {
        await tx.send({ topic: 't', partition: 0, value: 'aborted' })
        throw new Error('on purpose')
      })
      await expect(aborted).rejects.toThrow('on purpose')
      await scenario.advance('1s')
      const consumer = toTheEnd(scenario)
      expect(await read(consumer)).toEqual(['a'])
      expect(consumer.position({ topic: 't', partition: 0 })).toBe(4n)
    }))

  test('commits what it read at the close, in a group', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { until: 'end' })
      expect(await read(consumer)).toEqual(['a', 'b'])
      await append(scenario, 0, ['c'])
      expect(await read(consumer)).toEqual([])
      await consumer.close()
      expect(committedAt(scenario)).toBe(2)
      expect(await read(consumerOf(scenario, { until: 'end' }))).toEqual(['c'])
    }))
})

describe('an end', () => {
  test('before a time stops in the middle of a batch', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      expect(await byMessages(toTheEnd(scenario, { until: { timestamp: 1_002 } }))).toEqual(['a', 'b'])
      expect(await byBatches(toTheEnd(scenario, { until: { timestamp: 1_001 } }))).toEqual(['a'])
      expect(await byMessages(toTheEnd(scenario, { until: { timestamp: 5_000 } }))).toEqual(['a', 'b', 'c'])
    }))

  test('of given offsets waits for records that are not there yet', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      await append(scenario, 1, ['x'])
      const until = [
        { topic: 't', partition: 0, offset: 1 },
        { topic: 't', partition: 1, offset: 2n },
      ]
      const reading = byMessages(toTheEnd(scenario, { until }))
      await scenario.advance('5s')
      await append(scenario, 1, ['y', 'z'])
      expect((await reading).sort()).toEqual(['a', 'x', 'y'])
    }))

  test('is that of the last stable offset, or of uncommitted records, as the isolation says', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a'])
      const producer = scenario.kafka.transactionalProducer({ transactionalId: 'tx' })
      await producer.transaction(async (tx) => {
        await tx.send({ topic: 't', partition: 0, value: 'open' })
        expect(await byMessages(toTheEnd(scenario))).toEqual(['a'])
        expect(await byMessages(toTheEnd(scenario, { isolation: 'read_uncommitted' }))).toEqual(['a', 'open'])
      })
    }))

  test('is not reached while an item was given back', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = toTheEnd(scenario)
      const polled = await consumer.poll()
      expect(values(polled)).toEqual(['a', 'b'])
      consumer.undo()
      for await (const message of consumer) if (value(message) === 'b') break
      expect(await byMessages(consumer)).toEqual(['b'])
    }))

  test.each([1, { by: 'key', limit: 4 }] as const)(
    'waits for the retries of a handler (concurrency %j)',
    (concurrency) =>
      onTestkit({}, async (scenario) => {
        await append(scenario, 0, ['a', 'b', 'c'])
        const calls: string[] = []
        await toTheEnd(scenario).run({
          concurrency,
          retry: { attempts: 3, backoffMs: [5_000, 5_000] },
          each: (message) => {
            calls.push(String(value(message)))
            if (value(message) === 'c' && calls.length < 5) throw new Error('not yet')
          },
        })
        expect(calls).toEqual(['a', 'b', 'c', 'c', 'c'])
      }),
  )

  test('is never passed, and a seek back reads up to it again', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = toTheEnd(scenario)
      expect(await byMessages(consumer)).toEqual(['a', 'b'])
      await append(scenario, 0, ['c'])
      consumer.seek({ topic: 't', partition: 0, offset: 1n })
      expect(await byMessages(consumer)).toEqual(['b'])
    }))

  test('of a paused partition is waited for', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a'])
      await append(scenario, 1, ['x'])
      const consumer = toTheEnd(scenario)
      await consumer.ready()
      consumer.pause([{ topic: 't', partition: 1 }])
      const reading = byMessages(consumer)
      await scenario.advance('10s')
      consumer.resume([{ topic: 't', partition: 1 }])
      expect(await reading).toEqual(['a', 'x'])
    }))

  test('is not waited for in a stuck partition report', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a'])
      const consumer = toTheEnd(scenario, { maxProcessingMs: 1_000_000 })
      const stuck: unknown[] = []
      consumer.on('stuck', (event) => stuck.push(event))
      const reader = consumer.messages()
      expect(await take(reader, 1)).toEqual(['a'])
      await scenario.advance('200s')
      expect(stuck).toEqual([])
      expect(await reader.next()).toEqual({ value: undefined, done: true })
    }))
})

describe('a log that changes before its end is reached', () => {
  test('and lost the rest to retention ends there', () =>
    onTestkit({}, async (scenario) => {
      for (const one of ['a', 'b', 'c']) await append(scenario, 0, [one])
      const consumer = toTheEnd(scenario, { partitionMaxBytes: 1 })
      await consumer.ready()
      const topics = [{ name: 't', partitions: [{ partitionIndex: 0, offset: 3n }] }]
      consumer.seek({ topic: 't', partition: 0, offset: 0n })
      await scenario.request(DeleteRecords, { topics, timeoutMs: 5_000 }, { node: 1 })
      expect(await byMessages(consumer)).toEqual([])
    }))

  test('and was truncated ends at the cut', () => {
    const config = { 'unclean.leader.election.enable': true, 'broker.session.timeout.ms': 1_000 }
    return onTestkit({ brokers: 3, topics: { t: 1 }, config, kafka: { metadataMaxAgeMs: 5_000 } }, async (scenario) => {
      const { cluster } = scenario
      await cluster.reassign('t', 0, [2, 3])
      await scenario.advance('2s')
      await append(scenario, 0, ['a'])
      await scenario.advance('2s')
      await cluster.broker(3).kill()
      await scenario.advance('5s')
      await append(scenario, 0, ['b'])
      await append(scenario, 0, ['c'])
      const consumer = toTheEnd(scenario, { partitionMaxBytes: 1 })
      const reader = consumer.messages()
      expect(await take(reader, 2)).toEqual(['a', 'b'])
      consumer.pause([{ topic: 't', partition: 0 }])
      const next = reader.next()
      await cluster.broker(2).kill()
      await cluster.broker(3).restart()
      await scenario.advance('10s')
      expect(cluster.partition('t', 0)).toMatchObject({ leader: 3, logEndOffset: 1 })
      consumer.resume([{ topic: 't', partition: 0 }])
      const late = scenario.advance('60s').then(() => 'nothing')
      expect(await Promise.race([next, late])).toEqual({ value: undefined, done: true })
    })
  })

  test.each([
    ['topics', {}],
    ['assign', { assign: [{ topic: 't', partition: 0 }] }],
  ])('and was deleted with its topic is an error (%s)', (_, options) =>
    onTestkit({ kafka: { metadataMaxAgeMs: 1_000 } }, async (scenario) => {
      await append(scenario, 0, ['a'])
      const until = [{ topic: 't', partition: 0, offset: 5 }]
      const consumer = toTheEnd(scenario, { ...options, until })
      const reader = consumer.messages()
      expect(await take(reader, 1)).toEqual(['a'])
      const next = failure(reader.next())
      await scenario.advance('1s')
      await scenario.deleteTopic('t')
      expect(await next).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 't', partition: 0 })
      expect(await byMessages(consumer)).toEqual([])
    }),
  )

  test('and is another topic now is an error', () =>
    onTestkit({ kafka: { metadataMaxAgeMs: 1_000 } }, async (scenario) => {
      await append(scenario, 0, ['a'])
      const reader = toTheEnd(scenario, { until: [{ topic: 't', partition: 0, offset: 5 }] }).messages()
      expect(await take(reader, 1)).toEqual(['a'])
      const next = failure(reader.next())
      await scenario.deleteTopic('t')
      await scenario.cluster.createTopic({ name: 't', partitions: 1 })
      await append(scenario, 0, ['A', 'B', 'C', 'D', 'E', 'F'])
      expect(await next).toMatchObject({ code: 'UNKNOWN_TOPIC_ID', topic: 't', partition: 0 })
    }))

  test('and does not exist at the start is an error', () =>
    onTestkit({ kafka: { topicTimeoutMs: 5_000 } }, async (scenario) => {
      const error = await failure(byMessages(toTheEnd(scenario, { topics: ['t', 'missing'] })))
      expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', topic: 'missing' })
    }))
})

describe('in a group', () => {
  test('partitions that move to another member are read to their end by one of them', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      for (const partition of [0, 1]) await append(scenario, partition, ['a', 'b', 'c'])
      const first = consumerOf(scenario, { until: 'end' })
      const reader = first.messages()
      expect(await take(reader, 1)).toEqual(['a'])
      const second = consumerOf(scenario, { until: 'end' })
      const read = byMessages(second)
      await scenario.advance('1s')
      const rest: string[] = []
      for await (const message of { [Symbol.asyncIterator]: () => reader }) rest.push(String(value(message)))
      await first.close()
      const others = await read
      expect([...rest, ...others].length).toBeGreaterThanOrEqual(5)
      await second.close()
      expect([committedAt(scenario, 0), committedAt(scenario, 1)]).toEqual([3, 3])
    }))
})

describe('ends that make no sense', () => {
  test.each<[string, unknown]>([
    ['text', 'latest'],
    ['an empty list', []],
    ['a duration', { durationMs: 5 }],
    ['a place without an offset', [{ topic: 't', partition: 0 }]],
  ])('%s is refused', (_, until) =>
    onTestkit({}, async (scenario) => {
      expect(() => toTheEnd(scenario, { until: until as never })).toThrow(/'until' of kafka.consumer\(\) must be 'end'/)
    }),
  )
})

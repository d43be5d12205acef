import { CreatePartitions, DeleteRecords, JoinGroup, ListOffsets, OffsetFetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { ConsumerOptions, StartPlace } from '../../src/index.ts'
import { append, commitAt, committedAt, consumerOf, take, value } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const all = { topics: ['t'] as string[] }

/** A consumer of all partitions of 't' without a group. */
const everything = ({ kafka }: Scenario, options: Partial<ConsumerOptions> = {}) =>
  kafka.consumer({ ...all, from: 'earliest', ...options })

/** Appends a record for each time, in ms since the epoch. The value is the time. */
async function appendAt({ kafka }: Scenario, timesMs: readonly number[]): Promise<void> {
  const records = timesMs.map((timestamp) => ({ topic: 't', partition: 0, value: String(timestamp), timestamp }))
  await kafka.producer({ lingerMs: 0 }).send(records)
}

async function firstOf(scenario: Scenario, from: StartPlace, options: Partial<ConsumerOptions> = {}) {
  const consumer = everything(scenario, { from, ...options })
  const first = await consumer.poll({ timeoutMs: 2_000 })
  await consumer.close()
  return value(first[0])
}

describe('a start without a group', () => {
  test('at a timestamp is the first record of that time or later', () =>
    onTestkit({}, async (scenario) => {
      await appendAt(scenario, [1_000, 2_000, 3_000])
      expect(await firstOf(scenario, { timestamp: 2_000 })).toBe('2000')
      expect(await firstOf(scenario, { timestamp: 2_001 })).toBe('3000')
      expect(await firstOf(scenario, { timestamp: 3_001 })).toBe(undefined)
    }))

  test('after the last record does not skip one that is appended between the two look-ups', () =>
    onTestkit({}, async (scenario) => {
      await appendAt(scenario, [1_000])
      const lookup = scenario.fault('ListOffsets', 'close', { nth: 2 })
      const reading = everything(scenario, { from: { timestamp: 5_000 } })
        .messages()
        .next()
      await lookup.wait(1)
      await appendAt(scenario, [6_000])
      const late = scenario.advance('10s').then(() => 'nothing')
      expect(await Promise.race([reading.then((next) => value(next.value)), late])).toBe('6000')
      expect(scenario.seen(ListOffsets).length).toBeGreaterThan(2)
    }))

  test('a duration ago is counted from the look-up', () =>
    onTestkit({}, async (scenario) => {
      const nowMs = scenario.cluster.runtime.wallNow()
      await appendAt(scenario, [nowMs - 10_000, nowMs - 1_000])
      expect(await firstOf(scenario, { durationMs: 5_000 })).toBe(String(nowMs - 1_000))
      await scenario.advance('10s')
      expect(await firstOf(scenario, { durationMs: 5_000 })).toBe(undefined)
      expect(await firstOf(scenario, { durationMs: Number.MAX_SAFE_INTEGER })).toBe(String(nowMs - 10_000))
    }))

  test.each([
    [2, 'b'],
    [1, 'c'],
    [0, undefined],
    [9, 'a'],
  ])('the last %i offsets begin with %s', (last, first) =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      expect(await firstOf(scenario, { last })).toBe(first)
    }),
  )

  test('the last offsets begin at the start of the log where it has fewer', () =>
    onTestkit({}, async (scenario) => {
      for (const one of ['a', 'b', 'c']) await append(scenario, 0, [one])
      const topics = [{ name: 't', partitions: [{ partitionIndex: 0, offset: 2n }] }]
      await scenario.request(DeleteRecords, { topics, timeoutMs: 5_000 }, { node: 1 })
      expect(await firstOf(scenario, { last: 2 }, { offsetReset: 'none' })).toBe('c')
    }))

  test('applies to assigned partitions without an offset of their own', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['x', 'y'])
      const assign = [
        { topic: 't', partition: 0 },
        { topic: 't', partition: 1, offset: { last: 2 } },
      ]
      const consumer = consumerOf(scenario, { groupId: undefined, assign, from: { last: 1 } })
      expect((await take(consumer.messages(), 3)).sort()).toEqual(['b', 'x', 'y'])
    }))

  test('is the place to seek to, too', () =>
    onTestkit({}, async (scenario) => {
      await appendAt(scenario, [1_000, 2_000, 3_000])
      const consumer = everything(scenario)
      const reader = consumer.messages()
      expect(await take(reader, 1)).toEqual(['1000'])
      consumer.seek({ topic: 't', partition: 0, offset: { timestamp: 3_000 } })
      expect(await take(reader, 1)).toEqual(['3000'])
    }))
})

describe('topics without a group', () => {
  test('are read in all partitions, without a request to a coordinator', () =>
    onTestkit({ topics: { t: 3, u: 1 } }, async (scenario) => {
      for (const partition of [0, 1, 2]) await append(scenario, partition, [`${partition}`])
      const consumer = everything(scenario, { topics: [/^[tu]$/] })
      expect((await take(consumer.messages(), 3)).sort()).toEqual(['0', '1', '2'])
      expect(consumer.assignment()).toHaveLength(4)
      await expect(consumer.commit()).rejects.toMatchObject({ code: 'INVALID_STATE' })
      expect(scenario.seen(JoinGroup)).toEqual([])
      expect(scenario.seen(OffsetFetch)).toEqual([])
    }))

  test('begin at the end with latest, and partitions that are added later at their beginning', () =>
    onTestkit({ kafka: { metadataMaxAgeMs: 5_000 } }, async (scenario) => {
      await append(scenario, 0, ['old'])
      const assigned: number[] = []
      const onAssigned = (places: readonly { partition: number }[]) => {
        assigned.push(...places.map(({ partition }) => partition))
      }
      const consumer = everything(scenario, { from: 'latest', onAssigned })
      await consumer.ready()
      const topics = [{ name: 't', count: 2, assignments: null }]
      await scenario.request(CreatePartitions, { topics, timeoutMs: 5_000, validateOnly: false })
      await append(scenario, 1, ['first of the new one'])
      expect((await consumer.poll({ timeoutMs: 20_000 })).map(value)).toEqual(['first of the new one'])
      expect(assigned).toEqual([0, 1])
    }))

  test('that do not exist yet are read from their beginning once they are created', () =>
    onTestkit({}, async (scenario) => {
      const reading = everything(scenario, { topics: ['t', 'later'], from: 'latest' })
        .messages()
        .next()
      await scenario.advance('2s')
      await scenario.kafka.admin().createTopics([{ name: 'later', partitions: 1, replicationFactor: 1 }])
      await scenario.kafka.producer().send({ topic: 'later', value: 'a' })
      expect(value((await reading).value)).toBe('a')
    }))

  test('that are deleted leave the assignment, after the hook', () =>
    onTestkit({ topics: { t: 1, u: 2 }, kafka: { metadataMaxAgeMs: 1_000 } }, async (scenario) => {
      const revoked: string[] = []
      const onRevoked = (places: readonly { topic: string }[]) => {
        revoked.push(...places.map(({ topic }) => topic))
      }
      const consumer = everything(scenario, { topics: ['t', 'u'], onRevoked })
      const reading = consumer.messages().next()
      await scenario.advance('1s')
      await scenario.deleteTopic('u')
      await scenario.advance('60s')
      expect(consumer.assignment()).toEqual([{ topic: 't', partition: 0 }])
      expect(revoked).toEqual(['u', 'u'])
      await append(scenario, 0, ['a'])
      expect(value((await reading).value)).toBe('a')
    }))

  test('whose log loses the position continue at the oldest record', () =>
    onTestkit({}, async (scenario) => {
      for (const one of ['a', 'b', 'c']) await append(scenario, 0, [one])
      const consumer = everything(scenario)
      const reader = consumer.messages()
      expect(await take(reader, 1)).toEqual(['a'])
      consumer.seek({ topic: 't', partition: 0, offset: 99n })
      expect(await take(reader, 1)).toEqual(['a'])
    }))
})

describe('offsetReset in a group', () => {
  test('starts a duration ago where there is no commit, and commits that start', () =>
    onTestkit({}, async (scenario) => {
      const nowMs = scenario.cluster.runtime.wallNow()
      await appendAt(scenario, [nowMs - 10_000, nowMs - 1_000])
      const consumer = consumerOf(scenario, { offsetReset: { durationMs: 5_000 } })
      const resets: unknown[] = []
      consumer.on('positionReset', ({ to, reason }) => resets.push([to, reason]))
      expect(await take(consumer.messages(), 1)).toEqual([String(nowMs - 1_000)])
      await scenario.advance('1s')
      expect(committedAt(scenario)).toBe(1)
      expect(resets).toEqual([[1n, 'no-committed-offset']])
    }))

  test('does not apply where there is a commit', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      await commitAt(scenario, 1n)
      expect(await take(consumerOf(scenario, { offsetReset: { last: 1 } }).messages(), 1)).toEqual(['b'])
    }))

  test('applies where the log no longer has the commit', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      await commitAt(scenario, 99n)
      expect(await take(consumerOf(scenario, { offsetReset: { last: 1 } }).messages(), 1)).toEqual(['c'])
    }))
})

describe('starts that make no sense', () => {
  test.each<[string, Partial<ConsumerOptions>, RegExp, RegExp]>([
    ['topics alone', { from: undefined }, /'groupId' .* is required with 'topics'/, /set 'from'/],
    ['with a group', { groupId: 'g' }, /'from' .* excludes 'groupId'/, /offsetReset/],
    ['of two kinds', { from: { last: 1, durationMs: 1 } as never }, /'from' .* must be one of 'earliest'/, /^/],
    ['a negative time', { from: { timestamp: -1 } }, /'from' .* must be/, /^/],
    ['Java text', { from: undefined, groupId: 'g', offsetReset: 'by_duration:PT1H' as never }, /'offsetReset'/, /^/],
    ['commits without a group', { commit: 'auto' }, /'commit' .* requires 'groupId'/, /^/],
  ])('%s: is refused with a hint', (_, options, message, hint) =>
    onTestkit({}, async (scenario) => {
      const create = () => everything(scenario, options)
      expect(create).toThrow(message)
      expect(create).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
      try {
        create()
      } catch (error) {
        expect((error as { hint?: string }).hint ?? '').toMatch(hint)
      }
    }),
  )
})

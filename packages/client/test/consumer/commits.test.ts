import { type ErrorName, JoinGroup, OffsetCommit } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { KafkaError, Message } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, values } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

describe('the commit mode', () => {
  test('manual commits only what was named', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      const reader = consumer.messages()
      const first = (await reader.next()).value as Message
      const second = (await reader.next()).value as Message
      await reader.next()
      await consumer.commit()
      expect(committedAt(scenario)).toBe(undefined)
      consumer.done(first)
      await consumer.commit()
      expect(committedAt(scenario)).toBe(1)
      await consumer.commit(second)
      expect(committedAt(scenario)).toBe(2)
      await consumer.commit([{ topic: 't', partition: 0, offset: 4 }])
      expect(committedAt(scenario)).toBe(4)
      await reader.return()
      await consumer.close()
      expect(committedAt(scenario)).toBe(4)
    }))

  test('none commits nothing by itself, and all that is done on request', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { commit: 'none' })
      await take(consumer.messages(), 2)
      await scenario.advance('10s')
      expect(scenario.seen(OffsetCommit)).toEqual([])
      await consumer.commit()
      expect(committedAt(scenario)).toBe(1)
    }))

  test('auto commits at its interval, and by count', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd', 'e'])
      const reader = consumerOf(scenario, { commit: { count: 3 } }).messages()
      await take(reader, 3)
      await scenario.advance(100)
      expect(committedAt(scenario), 'the start').toBe(0)
      await take(reader, 1)
      await scenario.advance(100)
      expect(committedAt(scenario)).toBe(3)
      await take(reader, 1)
      await scenario.advance('5s')
      expect(committedAt(scenario)).toBe(4)
      const commits = scenario.seen(OffsetCommit).length
      await scenario.advance('20s')
      expect(scenario.seen(OffsetCommit), 'nothing new, nothing sent').toHaveLength(commits)
    }))
})

test('a batch commits itself', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a', 'b'])
    await append(scenario, 0, ['c'])
    const consumer = consumerOf(scenario, { commit: 'manual' })
    for await (const batch of consumer.batches()) {
      expect(values([...batch])).toEqual(['a', 'b'])
      await batch.commit()
      break
    }
    expect(committedAt(scenario)).toBe(2)
    for await (const batch of consumer.batches()) {
      expect(batch.firstOffset).toBe(2n)
      break
    }
  }))

describe('an error code', () => {
  const codes: [ErrorName, 'resolved' | ErrorName, boolean][] = [
    ['COORDINATOR_LOAD_IN_PROGRESS', 'resolved', false],
    ['NOT_COORDINATOR', 'resolved', false],
    ['COORDINATOR_NOT_AVAILABLE', 'resolved', false],
    ['REQUEST_TIMED_OUT', 'resolved', false],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'resolved', false],
    // It waits for the outcome of the rebalance, before which the partition is revoked and its progress committed.
    ['REBALANCE_IN_PROGRESS', 'resolved', true],
    ['ILLEGAL_GENERATION', 'ILLEGAL_GENERATION', true],
    ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', true],
    ['OFFSET_METADATA_TOO_LARGE', 'OFFSET_METADATA_TOO_LARGE', false],
    ['TOPIC_AUTHORIZATION_FAILED', 'TOPIC_AUTHORIZATION_FAILED', false],
    ['GROUP_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', false],
  ]
  test.each(codes)('%s: the commit ends with %s; the member joins again: %s', (error, outcome, rejoins) =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario)
      await take(consumer.messages(), 2)
      scenario.fault('OffsetCommit', { error }, 'once')
      const joins = scenario.seen(JoinGroup).length
      const result = consumer.commit().then(
        () => 'resolved',
        (thrown: KafkaError) => thrown.code,
      )
      await scenario.advance('6s')
      expect(await result).toBe(outcome)
      expect(scenario.seen(JoinGroup).length > joins).toBe(rejoins)
    }),
  )
})

test('reading continues while commits fail', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a'])
    await append(scenario, 0, ['b'])
    scenario.fault('OffsetCommit', 'hang')
    const consumer = consumerOf(scenario, { commit: { intervalMs: 10 } })
    const reader = consumer.messages()
    await take(reader, 1)
    await scenario.advance('1s')
    const startedMs = scenario.nowMs
    expect(await take(reader, 1)).toEqual(['b'])
    expect(scenario.nowMs - startedMs).toBeLessThan(100)
  }))

test('a retry after the partition was lost commits nothing, although the member is in the group again', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a', 'b'])
    const consumer = consumerOf(scenario, { commit: 'none', sessionTimeoutMs: 6_000 })
    const reader = consumer.messages()
    await take(reader, 2)
    scenario.fault('OffsetCommit', 'close', { until: '20s' })
    scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, 'once')
    const commit = consumer.commit().catch((error: unknown) => error)
    await scenario.advance('20s')
    expect(await commit).toMatchObject({ code: 'ILLEGAL_GENERATION', topic: 't', partition: 0, offset: 1n })
    expect(scenario.seen(OffsetCommit).length).toBeGreaterThan(1)
    expect(new Set(scenario.seen(JoinGroup).map(({ body }) => body.memberId)).size).toBeGreaterThan(2)
    expect(committedAt(scenario)).toBe(undefined)
  }))

test('done rejects an item of a partition that was repositioned', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a', 'b'])
    const consumer = consumerOf(scenario, { commit: 'manual' })
    const message = (await consumer.messages().next()).value as Message
    consumer.seek({ topic: 't', partition: 0, offset: 0 })
    expect(() => consumer.done(message)).toThrow(
      /Cannot mark topic 't', partition 0, offset \d+ as done: the partition was revoked or repositioned/,
    )
  }))

describe('items of a partition that was repositioned, in a list with others', () => {
  const polled = async (scenario: Scenario) => {
    for (const partition of [0, 1]) await append(scenario, partition, ['a', 'b'])
    const consumer = consumerOf(scenario, { commit: 'manual' })
    const messages: Message[] = []
    while (messages.length < 4) messages.push(...(await consumer.poll()))
    consumer.seek({ topic: 't', partition: 0, offset: 0 })
    return { consumer, messages }
  }
  const refusal = {
    code: 'INVALID_STATE',
    topic: 't',
    partition: 0,
    message: expect.stringMatching(/; the messages of the other partitions are marked$/),
  }

  test('do not keep done from marking the others', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const { consumer, messages } = await polled(scenario)
      expect(() => consumer.done(messages)).toThrow(expect.objectContaining(refusal))
      expect(consumer.partitions().map(({ done }) => done)).toEqual([0n, 2n])
    }))

  test('do not keep commit from committing the others', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const { consumer, messages } = await polled(scenario)
      await expect(consumer.commit(messages)).rejects.toMatchObject(refusal)
      expect(committedAt(scenario, 0)).toBe(undefined)
      expect(committedAt(scenario, 1)).toBe(2)
    }))
})

test('done and commit refuse an item that another consumer delivered', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a', 'b'])
    const [first, second] = [consumerOf(scenario), consumerOf(scenario, { groupId: 'other' })]
    const message = (await first.messages().next()).value as Message
    await second.messages().next()
    expect(() => second.done(message)).toThrow(/another consumer delivered the message/)
    await expect(second.commit(message)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  }))

test('close sends a commit that is retried, in mode manual too', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a', 'b'])
    const consumer = consumerOf(scenario, { commit: 'manual' })
    const reader = consumer.messages()
    await reader.next()
    await reader.return()
    scenario.fault('OffsetCommit', { error: 'COORDINATOR_LOAD_IN_PROGRESS' }, { nth: 1 })
    const commit = consumer.commit([{ topic: 't', partition: 0, offset: 2 }])
    await consumer.close()
    await expect(commit).resolves.toBeUndefined()
    expect(committedAt(scenario)).toBe(2)
  }))

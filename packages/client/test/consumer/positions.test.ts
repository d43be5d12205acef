import { DeleteRecords, Fetch, JoinGroup, ListOffsets, OffsetFetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { append, commitAt, consumerOf, take, value } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure, outcome } from '../support/settled.ts'

/** Deletes the records of partition 0 below an offset. */
async function deleteRecords(scenario: Scenario, offset: bigint): Promise<void> {
  const topics = [{ name: 't', partitions: [{ partitionIndex: 0, offset }] }]
  const { leader } = scenario.cluster.partition('t', 0)
  await scenario.request(DeleteRecords, { topics, timeoutMs: 5_000 }, { node: leader })
}

/** The leader of partition 0 crashes and comes back as a follower: the leader epoch grows. */
async function moveLeader({ cluster, advance }: Scenario): Promise<void> {
  const { leader } = cluster.partition('t', 0)
  await advance('1s')
  await cluster.broker(leader).kill()
  await advance('3s')
  await cluster.broker(leader).restart()
  await advance('3s')
  expect(cluster.partition('t', 0).leader).not.toBe(leader)
}

describe('the initial position', () => {
  test('latest is looked up once: records between the look-up and the first fetch are not skipped', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['old'])
      const lost = scenario.fault('Fetch', 'close', 'once')
      const next = consumerOf(scenario, { offsetReset: 'latest' }).messages().next()
      await lost.wait(1)
      await append(scenario, 0, ['new'])
      expect(value((await next).value)).toBe('new')
      expect(scenario.seen(ListOffsets)).toHaveLength(1)
    }))

  test.each([
    'UNSTABLE_OFFSET_COMMIT',
    'COORDINATOR_LOAD_IN_PROGRESS',
    'NOT_COORDINATOR',
    'UNKNOWN_SERVER_ERROR',
  ] as const)('waits for a committed offset that is not available at first (%s), and is not reset', (error) =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      await commitAt(scenario, 1n)
      scenario.fault('OffsetFetch', { error }, { times: 2 })
      const startedMs = scenario.nowMs
      const next = await consumerOf(scenario, { offsetReset: 'latest' }).messages().next()
      expect(value(next.value)).toBe('b')
      expect(scenario.nowMs - startedMs).toBeLessThan(3_000)
      expect(scenario.seen(OffsetFetch)[0]!.body).toMatchObject({ requireStable: true })
    }),
  )

  test('without a committed offset and with offsetReset none, reading fails with a hint', () =>
    onTestkit({}, async (scenario) => {
      const error = await failure(consumerOf(scenario, { offsetReset: 'none' }).messages().next())
      expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', topic: 't', partition: 0 })
      expect(error.hint).toMatch(/Seek/)
    }))

  test('a seek to an end from the hook overrides the committed offset', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      await commitAt(scenario, 2n)
      const consumer = consumerOf(scenario, {
        onAssigned: ([partition]) => consumer.seek({ ...partition!, offset: 'earliest' }),
      })
      expect(await take(consumer.messages(), 1)).toEqual(['a'])
    }))

  test('without a group is the given offset, and there is nothing to commit to', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['x', 'y'])
      const assign = [
        { topic: 't', partition: 0, offset: 1 },
        { topic: 't', partition: 1, offset: 'earliest' as const },
      ]
      const consumer = consumerOf(scenario, { groupId: undefined, assign })
      expect((await take(consumer.messages(), 3)).sort()).toEqual(['b', 'x', 'y'])
      await expect(consumer.commit()).rejects.toMatchObject({ code: 'INVALID_STATE' })
      expect(scenario.seen(JoinGroup)).toEqual([])
      expect(scenario.seen(OffsetFetch)).toEqual([])
    }))

  test('on a partition that does not exist rejects the reader', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario, { groupId: undefined, assign: [{ topic: 't', partition: 7 }] })
      await expect(consumer.messages().next()).rejects.toThrow(
        "Topic 't', partition 7 does not exist: the topic has partitions 0 to 0",
      )
    }))
})

describe('a log that changes', () => {
  test('an offset that the log no longer has is reset, and reported', () =>
    onTestkit({}, async (scenario) => {
      for (const one of ['a', 'b', 'c']) await append(scenario, 0, [one])
      await deleteRecords(scenario, 2n)
      await commitAt(scenario, 0n)
      const consumer = consumerOf(scenario)
      const resets: unknown[] = []
      consumer.on('positionReset', (event) => resets.push(event))
      expect(await take(consumer.messages(), 1)).toEqual(['c'])
      expect(resets).toEqual([{ topic: 't', partition: 0, from: 0n, to: 2n, reason: 'out-of-range' }])
    }))

  test('a log that is truncated under a new leader moves the position back to its end', () => {
    const config = { 'unclean.leader.election.enable': true, 'broker.session.timeout.ms': 1_000 }
    // Broker 1 stays up for metadata and the group; the partition is on brokers 2 and 3.
    return onTestkit({ brokers: 3, topics: { t: 1 }, config, kafka: { metadataMaxAgeMs: 5_000 } }, async (scenario) => {
      const { cluster } = scenario
      await cluster.reassign('t', 0, [2, 3])
      await scenario.advance('2s')
      expect(cluster.partition('t', 0)).toMatchObject({ leader: 2, isr: [2, 3] })
      await append(scenario, 0, ['a'])
      await scenario.advance('2s')
      await cluster.broker(3).kill()
      await scenario.advance('5s')
      await append(scenario, 0, ['b'])
      await append(scenario, 0, ['c'])
      const consumer = consumerOf(scenario)
      const resets: unknown[] = []
      consumer.on('positionReset', ({ reason, from, to }) => resets.push(`${reason} ${from} ${to}`))
      const reader = consumer.messages()
      expect(await take(reader, 3)).toEqual(['a', 'b', 'c'])
      const next = reader.next()
      await cluster.broker(2).kill()
      await cluster.broker(3).restart()
      await scenario.advance('10s')
      expect(cluster.partition('t', 0)).toMatchObject({ leader: 3, logEndOffset: 1 })
      await append(scenario, 0, ['B'])
      expect(value((await next).value)).toBe('B')
      expect(resets).toContain('truncated 3 1')
    })
  })

  test('a topic that was deleted and created again is read from its beginning, although its epochs restart', () => {
    const cluster = { brokers: 2, replicationFactor: 2, config: { 'broker.session.timeout.ms': 1_000 } }
    return onTestkit({ ...cluster, kafka: { metadataMaxAgeMs: 1_000 } }, async (scenario) => {
      await moveLeader(scenario)
      const { leaderEpoch: oldEpoch } = scenario.cluster.partition('t', 0)
      await append(scenario, 0, ['a', 'b', 'c'])
      const consumer = consumerOf(scenario, { offsetReset: 'latest' })
      const resets: unknown[] = []
      consumer.on('positionReset', ({ reason, to }) => resets.push(`${reason} ${to}`))
      const reader = consumer.messages()
      const next = reader.next()
      await scenario.advance('2s')
      await scenario.deleteTopic('t')
      await scenario.cluster.createTopic({ name: 't', partitions: 1 })
      await append(scenario, 0, ['A', 'B', 'C', 'D'])
      expect(value((await next).value)).toBe('A')
      expect(resets).toEqual(['no-committed-offset 3', 'recreated 0'])
      const { leaderEpoch } = scenario.cluster.partition('t', 0)
      expect(leaderEpoch).toBeLessThan(oldEpoch)
      expect(scenario.seen(Fetch).at(-1)!.body.topics[0]!.partitions[0]!.currentLeaderEpoch).toBe(leaderEpoch)
    })
  })

  test('records that were fetched before the log start passed them are delivered before the reset', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a'])
      await append(scenario, 0, ['b'])
      const consumer = consumerOf(scenario)
      const resets: unknown[] = []
      consumer.on('positionReset', ({ reason, from, to }) => resets.push(`${reason} ${from} ${to}`))
      const reader = consumer.messages()
      expect(await take(reader, 1)).toEqual(['a'])
      // Paused, so that the record that is deleted next is not fetched.
      consumer.pause([{ topic: 't', partition: 0 }])
      await scenario.advance('2s')
      await append(scenario, 0, ['deleted'])
      await deleteRecords(scenario, 3n)
      await append(scenario, 0, ['c'])
      consumer.resume([{ topic: 't', partition: 0 }])
      expect(await take(reader, 2)).toEqual(['b', 'c'])
      expect(resets).toContain('out-of-range 2 3')
    }))
})

describe('seek and pause', () => {
  test('seek moves forwards, back and to the ends, on assigned partitions only', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c', 'd'])
      const consumer = consumerOf(scenario)
      const reader = consumer.messages()
      await take(reader, 1)
      consumer.seek({ topic: 't', partition: 0, offset: 3n })
      expect(await take(reader, 1)).toEqual(['d'])
      consumer.seek({ topic: 't', partition: 0, offset: 'earliest' })
      expect(await take(reader, 1)).toEqual(['a'])
      expect(() => consumer.seek({ topic: 't', partition: 1, offset: 0 })).toThrow(/not assigned/)
    }))

  test('paused partitions deliver nothing, and keep what was fetched until resume', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      await append(scenario, 1, ['x'])
      const consumer = consumerOf(scenario)
      const reader = consumer.messages()
      expect(await take(reader, 1)).toEqual(['a'])
      consumer.pause([{ topic: 't', partition: 0 }])
      expect(consumer.paused()).toEqual([{ topic: 't', partition: 0 }])
      expect(await take(reader, 1)).toEqual(['x'])
      const next = reader.next()
      expect(await outcome(next, () => scenario.advance(100))).toBe('pending')
      const fetches = scenario.seen(Fetch).length
      consumer.resume([{ topic: 't', partition: 0 }])
      expect(value((await next).value)).toBe('b')
      expect(scenario.seen(Fetch)).toHaveLength(fetches)
    }))
})

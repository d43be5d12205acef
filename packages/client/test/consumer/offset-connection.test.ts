import { JoinGroup, LeaveGroup, OffsetCommit, OffsetFetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { append, commitAt, committedAt, consumerOf, take } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

/** The open connections that one part of the client owns, as '<kind>@<broker>'. */
function openConnections({ kafka }: Scenario): () => string[] {
  const open: string[] = []
  const name = (purpose: string, id: number) => `${purpose.split(':')[0]}@${id}`
  kafka.on('connected', ({ broker, purpose }) => open.push(name(purpose, broker.id)))
  kafka.on('disconnected', ({ broker, purpose }) => open.splice(open.indexOf(name(purpose, broker.id)), 1))
  return () => open.filter((one) => !one.startsWith('general@')).sort()
}

/** The broker holds a ListOffsets request on the general connection: it serves no other request there. */
async function holdGeneralConnection(scenario: Scenario): Promise<void> {
  const held = scenario.fault('ListOffsets', 'hang')
  const query = { topic: 't', partition: 0, at: 'latest' } as const
  scenario.kafka
    .admin()
    .listOffsets([query])
    .catch(() => {})
  await held.wait(1)
}

describe('while the broker holds a ListOffsets request', () => {
  test('a commit is acknowledged', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      await take(consumer.messages(), 1)
      await holdGeneralConnection(scenario)
      const startedMs = scenario.nowMs
      await consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
      expect(scenario.nowMs - startedMs).toBeLessThan(100)
      expect(committedAt(scenario)).toBe(1)
    }))

  test('committed offsets are returned', () =>
    onTestkit({}, async (scenario) => {
      await commitAt(scenario, 7n)
      const consumer = consumerOf(scenario, { assign: [{ topic: 't', partition: 0, offset: 0 }] })
      await holdGeneralConnection(scenario)
      const startedMs = scenario.nowMs
      const [found] = await consumer.committed([{ topic: 't', partition: 0 }])
      expect(found).toMatchObject({ offset: 7n })
      expect(scenario.nowMs - startedMs).toBeLessThan(100)
    }))
})

test('a member leaves its group while the broker holds a ListOffsets request', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a', 'b'])
    const consumer = consumerOf(scenario)
    const reader = consumer.messages()
    await take(reader, 1)
    await reader.return()
    await holdGeneralConnection(scenario)
    const startedMs = scenario.nowMs
    await consumer.close()
    expect(scenario.seen(LeaveGroup)).toMatchObject([{ outcome: 'responded' }])
    expect(scenario.nowMs - startedMs).toBeLessThan(100)
  }))

test('a commit that is in flight when the member leaves is processed first', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['a', 'b'])
    const consumer = consumerOf(scenario, { commit: 'manual' })
    const reader = consumer.messages()
    const { value: message } = await reader.next()
    const slow = scenario.fault('OffsetCommit', { delay: 500 }, 'once')
    const closed = consumer.close()
    const committed = consumer.commit(message)
    await Promise.all([closed, committed])
    expect(slow.hits).toBe(1)
    expect(committedAt(scenario)).toBe(1)
    const [commit, leave] = [scenario.seen(OffsetCommit).at(-1)!, scenario.seen(LeaveGroup)[0]!]
    expect(leave.sequence).toBeGreaterThan(commit.sequence)
  }))

describe('the connection for offsets', () => {
  test('is opened by the first request and closed with the consumer', () =>
    onTestkit({}, async (scenario) => {
      const connections = openConnections(scenario)
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { assign: [{ topic: 't', partition: 0, offset: 0 }], commit: 'manual' })
      const other = consumerOf(scenario, { groupId: 'other', assign: [{ topic: 't', partition: 0, offset: 0 }] })
      const reader = consumer.messages()
      await take(reader, 1)
      expect(connections()).toEqual(['fetch@1'])
      await consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
      await other.commit([{ topic: 't', partition: 0, offset: 1 }])
      expect(connections()).toEqual(['fetch@1', 'offsets@1', 'offsets@1'])
      await reader.return()
      await consumer.close()
      expect(connections(), "the other consumer's remains").toEqual(['offsets@1'])
      await other.close()
      expect(connections()).toEqual([])
    }))

  test('follows the coordinator: it is opened at the new one and closed at the former', () =>
    onTestkit({ brokers: 3, config: { 'offsets.topic.num.partitions': 1 } }, async (scenario) => {
      const { cluster } = scenario
      const connections = openConnections(scenario)
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      const reader = consumer.messages()
      await take(reader, 1)
      const { leader } = cluster.partition('__consumer_offsets', 0)
      const atCoordinator = () => connections().filter((name) => /^(offsets|coordinator)/.test(name))
      expect(atCoordinator()).toEqual([`coordinator@${leader}`, `offsets@${leader}`])
      const next = (leader % 3) + 1
      await cluster.reassign('__consumer_offsets', 0, [next])
      await scenario.advance('10s')
      await consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
      expect(scenario.seen(OffsetCommit).at(-1)).toMatchObject({ node: next, outcome: 'responded' })
      expect(atCoordinator()).toEqual([`coordinator@${next}`, `offsets@${next}`])
      await reader.return()
      await consumer.close()
      expect(connections()).toEqual([])
    }))

  test('is the only one with commits and their look-up', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      await take(consumer.messages(), 1)
      await consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
      const [join] = scenario.seen(JoinGroup)
      const used = new Set([OffsetFetch, OffsetCommit].flatMap((api) => scenario.seen(api).map((r) => r.connection)))
      expect(used.size).toBe(1)
      expect(used).not.toContain(join!.connection)
    }))
})

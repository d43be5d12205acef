import {
  CreatePartitions,
  Fetch,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  ListOffsets,
  OffsetCommit,
  OffsetFetch,
  SyncGroup,
} from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, value } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { outcome } from '../support/settled.ts'

/** The next heartbeat reports a rebalance. */
const rebalance = ({ fault }: Scenario) => fault('Heartbeat', { error: 'REBALANCE_IN_PROGRESS' }, 'once')

describe('a rebalance', () => {
  test('waits for the item that is processed, commits it, and reading continues after it', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      const calls: string[] = []
      const consumer = consumerOf(scenario, {
        onAssigned: (list) => void calls.push(`assigned ${list.length}`),
        onRevoked: async () => void calls.push(`revoked, committed ${committedAt(scenario)}`),
      })
      const reader = consumer.messages()
      const first = (await reader.next()).value as Message
      await rebalance(scenario).wait(1)
      await scenario.advance('1s')
      expect(calls).toEqual(['assigned 1'])
      expect(first.signal.aborted).toBe(false)
      expect(value((await reader.next()).value)).toBe('b')
      expect(calls).toEqual(['assigned 1', 'revoked, committed 0', 'assigned 1'])
      expect(committedAt(scenario)).toBe(1)
      expect(first.signal.aborted).toBe(true)
    }))

  test('waits no longer than revokeGraceMs', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario, { revokeGraceMs: 2_000 })
      const reader = consumer.messages()
      const first = (await reader.next()).value as Message
      await rebalance(scenario).wait(1)
      await scenario.advance('3s')
      expect(first.signal.aborted).toBe(true)
      expect(value((await reader.next()).value), 'it was not done').toBe('a')
    }))

  test('aborts the signal of lost partitions, commits nothing, and calls the hook', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const lost: unknown[] = []
      const consumer = consumerOf(scenario, { onLost: (partitions) => void lost.push(...partitions) })
      const reader = consumer.messages()
      await reader.next()
      const second = (await reader.next()).value as Message
      await scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, 'once').wait(1)
      await scenario.advance(100)
      expect(second.signal.aborted).toBe(true)
      expect(committedAt(scenario), 'only the start').toBe(0)
      expect(lost).toEqual([{ topic: 't', partition: 0 }])
    }))

  test('with cooperative members kept partitions are read on, and not from the start', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      for (const partition of [0, 1]) await append(scenario, partition, ['a', 'b'])
      const calls: string[] = []
      const consumer = consumerOf(scenario, {
        assignors: ['cooperative-sticky'],
        onAssigned: (list) => void calls.push(`+${list.map(({ partition }) => partition)}`),
        onRevoked: (list) => void calls.push(`-${list.map(({ partition }) => partition)}`),
      })
      const reader = consumer.messages()
      expect(await take(reader, 2)).toEqual(['a', 'b'])
      const held = scenario.fault('JoinGroup', 'hang')
      rebalance(scenario)
      await held.wait(1)
      expect(await take(reader, 2), 'the join is held').toEqual(['a', 'b'])
      expect(calls).toEqual(['+0,1'])
      expect(committedAt(scenario, 0), 'committed before the join').toBe(1)
      held.remove()
    }))

  test('reads a partition that was added after the consumer started from its beginning, also with latest', () =>
    onTestkit({ kafka: { metadataMaxAgeMs: 1_000 } }, async (scenario) => {
      await append(scenario, 0, ['old'])
      const next = consumerOf(scenario, { offsetReset: 'latest' }).messages().next()
      await scenario.advance('1s')
      const topics = [{ name: 't', count: 2, assignments: null }]
      await scenario.request(CreatePartitions, { topics, timeoutMs: 5_000, validateOnly: false })
      await append(scenario, 1, ['first of the new'])
      expect(value((await next).value)).toBe('first of the new')
    }))

  test('with a hook that throws rejects the reader, and leaves the group', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario, {
        onAssigned: () => {
          throw new Error('no')
        },
      })
      await expect(consumer.messages().next()).rejects.toMatchObject({
        code: 'HANDLER_FAILED',
        message: /onAssigned failed: no/,
      })
      await scenario.advance('1s')
      expect(scenario.seen(LeaveGroup), 'other members get the partitions, closed or not').toHaveLength(1)
      await scenario.advance('60s')
      expect(scenario.seen(Heartbeat)).toEqual([])
    }))

  test('with a hook that hangs, and without a group, fails at rebalanceTimeoutMs', () =>
    onTestkit({}, async (scenario) => {
      const consumer = scenario.kafka.consumer({
        assign: [{ topic: 't', partition: 0, offset: 'earliest' }],
        rebalanceTimeoutMs: 5_000,
        onAssigned: () => new Promise(() => {}),
      })
      const failed = outcome(consumer.messages().next(), () => scenario.advance('6s'))
      expect(await failed).toMatchObject({
        code: 'HANDLER_FAILED',
        message: 'The hook onAssigned failed: it did not end within 5000 ms',
      })
    }))

  test('with a hook that hangs, and without a group, is closed within timeoutMs', () =>
    onTestkit({}, async (scenario) => {
      const consumer = scenario.kafka.consumer({
        assign: [{ topic: 't', partition: 0, offset: 'earliest' }],
        onAssigned: () => new Promise(() => {}),
      })
      const next = consumer.messages().next()
      await scenario.advance('1s')
      expect(await outcome(consumer.close({ timeoutMs: 2_000 }), () => scenario.advance('3s'))).toBe(undefined)
      expect((await next).done).toBe(true)
    }))

  test('does not deliver a fetch twice that was in flight while the partition was revoked and returned', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario, { maxWaitMs: 10_000 })
      const reader = consumer.messages()
      const next = reader.next()
      await scenario.advance('1s')
      await rebalance(scenario).wait(1)
      await scenario.advance(500)
      expect(scenario.seen(JoinGroup).length).toBeGreaterThan(2)
      await append(scenario, 0, ['a', 'b'])
      expect(value((await next).value)).toBe('a')
      expect(await take(reader, 1)).toEqual(['b'])
      expect(await outcome(reader.next(), () => scenario.advance('1s'))).toBe('pending')
    }))

  test('into a group that cannot be joined rejects the reader and every later call', () =>
    onTestkit({}, async (scenario) => {
      scenario.fault('JoinGroup', { error: 'GROUP_AUTHORIZATION_FAILED' })
      const consumer = consumerOf(scenario)
      for (const call of [() => consumer.messages().next(), () => consumer.poll(), () => consumer.ready()]) {
        await expect(call()).rejects.toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' })
      }
    }))
})

describe('close', () => {
  test('commits, leaves, closes its connections, is idempotent, and sends nothing afterwards', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      const consumer = consumerOf(scenario)
      const connections = () => scenario.kafka.metrics().gauges.connections
      const reader = consumer.messages()
      await take(reader, 2)
      await reader.return()
      expect(connections(), 'general, fetch, coordinator and offsets').toBe(4)
      expect(consumer.close()).toBe(consumer.close())
      await consumer.close()
      expect(committedAt(scenario)).toBe(1)
      expect(scenario.seen(LeaveGroup)).toHaveLength(1)
      expect(connections(), 'general').toBe(1)
      const count = () => [Fetch, Heartbeat, JoinGroup, OffsetCommit].map((api) => scenario.seen(api).length)
      const sent = count()
      await scenario.advance('100s')
      expect(count()).toEqual(sent)
    }))

  test('commits what is done and leaves within its timeout, whatever a handler does', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['x'])
      const consumer = consumerOf(scenario)
      let started = 0
      const running = consumer.run({
        each: ({ offset }) => (++started && offset > 0n ? new Promise(() => {}) : undefined),
      })
      await scenario.advance('1s')
      expect(started).toBe(2)
      const startedMs = scenario.nowMs
      await consumer.close({ timeoutMs: 2_000 })
      expect(scenario.nowMs - startedMs).toBeLessThan(2_002)
      expect(committedAt(scenario)).toBe(1)
      expect(scenario.seen(LeaveGroup)).toHaveLength(1)
      expect(await outcome(running, () => scenario.advance(1)), 'the handler hangs, the run does not').toBe(undefined)
    }))

  test('of a consumer that never read opens nothing', () =>
    onTestkit({}, async (scenario) => {
      await consumerOf(scenario).close()
      expect(scenario.cluster.saw({})).toEqual([])
    }))

  test.each([JoinGroup, SyncGroup, OffsetFetch, ListOffsets, Fetch])(
    'ends a pending next while the broker holds $name',
    ({ name }) =>
      onTestkit({}, async (scenario) => {
        const held = scenario.fault(name as 'Fetch', 'hang')
        const consumer = consumerOf(scenario)
        const next = consumer.messages().next()
        await held.wait(1)
        const startedMs = scenario.nowMs
        await consumer.close({ timeoutMs: 1_000 })
        // Timers fire at whole milliseconds.
        expect(scenario.nowMs - startedMs).toBeLessThan(1_002)
        expect(await next).toEqual({ value: undefined, done: true })
      }),
  )
})

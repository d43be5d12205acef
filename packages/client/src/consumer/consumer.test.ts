import { errorCode } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { never, settle } from '../group/testing/scripted-cluster.ts'
import type { Message } from './message.ts'
import { closeConsumers, consumerOf, outcome, take, value } from './testing/consumers.ts'
import { ScriptedKafka, ScriptedPartition } from './testing/scripted-log.ts'

afterEach(async () => expect(await closeConsumers(), 'timers left').toBe(0))

describe('a rebalance', () => {
  test('waits for the item at hand, commits it, and what follows begins after it', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    const calls: string[] = []
    const consumer = consumerOf(kafka, {
      onAssigned: (list) => void calls.push(`assigned ${list.length}`),
      onRevoked: async () => void calls.push(`revoked, committed ${kafka.committedAt()}`),
    })
    const reader = consumer.messages()
    const first = (await reader.next()).value as Message
    kafka.next('Heartbeat', () => ({ errorCode: errorCode('REBALANCE_IN_PROGRESS') }))
    await kafka.runtime.advance(4_000)
    expect(calls).toEqual(['assigned 1'])
    expect(first.signal.aborted).toBe(false)
    const next = reader.next()
    await settle()
    expect(value((await next).value)).toBe('b')
    expect(calls).toEqual(['assigned 1', 'revoked, committed undefined', 'assigned 1'])
    expect(kafka.committedAt()).toBe(1)
    expect(first.signal.aborted).toBe(true)
  })

  test('does not wait for ever', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka, { revokeGraceMs: 2_000 })
    const reader = consumer.messages()
    const first = (await reader.next()).value as Message
    kafka.next('Heartbeat', () => ({ errorCode: errorCode('REBALANCE_IN_PROGRESS') }))
    await kafka.runtime.advance(6_000)
    expect(first.signal.aborted).toBe(true)
    expect(value((await reader.next()).value), 'it was not done').toBe('a')
  })

  test('lost: the signal aborts, nothing is committed, the hook says so', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const lost: unknown[] = []
    const consumer = consumerOf(kafka, { onLost: (partitions) => void lost.push(...partitions) })
    const reader = consumer.messages()
    await reader.next()
    const second = (await reader.next()).value as Message
    kafka.next('Heartbeat', () => ({ errorCode: errorCode('UNKNOWN_MEMBER_ID') }))
    await kafka.runtime.advance(3_100)
    expect(second.signal.aborted).toBe(true)
    expect(kafka.bodies('OffsetCommit')).toEqual([])
    expect(lost).toEqual([{ topic: 't', partition: 0 }])
  })

  test('cooperative: what stays is read on while the group rebalances, and is not read anew', async () => {
    const kafka = new ScriptedKafka(2)
    for (const log of kafka.partitions) log.append(['a', 'b'])
    const calls: string[] = []
    const consumer = consumerOf(kafka, {
      assignors: ['cooperative-sticky'],
      onAssigned: (list) => void calls.push(`+${list.map(({ partition }) => partition)}`),
      onRevoked: (list) => void calls.push(`-${list.map(({ partition }) => partition)}`),
    })
    const reader = consumer.messages()
    expect(await take(reader, 2)).toEqual(['a', 'b'])
    kafka.next('JoinGroup', never)
    kafka.next('Heartbeat', () => ({ errorCode: errorCode('REBALANCE_IN_PROGRESS') }))
    await kafka.runtime.advance(3_100)
    expect(kafka.bodies('JoinGroup')).toHaveLength(2)
    expect(await take(reader, 2), 'the join is held').toEqual(['a', 'b'])
    expect(calls).toEqual(['+0,1'])
    expect(kafka.committedAt(0), 'committed before the join').toBe(1)
  })

  test('a partition that is new since the consumer started is read from its beginning, also with latest', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['old'])
    const consumer = consumerOf(kafka, { offsetReset: 'latest' })
    const next = consumer.messages().next()
    await settle()
    kafka.partitions.push(new ScriptedPartition().append(['first of the new']))
    kafka.changed()
    await kafka.runtime.advance(1_000)
    expect(value((await next).value)).toBe('first of the new')
  })

  test('a hook that throws rejects the reader', async () => {
    const kafka = new ScriptedKafka()
    const consumer = consumerOf(kafka, {
      onAssigned: () => {
        throw new Error('no')
      },
    })
    await expect(consumer.messages().next()).rejects.toMatchObject({
      code: 'HANDLER_FAILED',
      message: /onAssigned failed: no/,
    })
    await settle()
    expect(kafka.bodies('LeaveGroup'), 'others get the partitions, closed or not').toHaveLength(1)
    await kafka.runtime.advance(60_000)
    expect(kafka.bodies('Heartbeat')).toEqual([])
  })

  test('a fetch that was under way when the partition went and came back is not delivered twice', async () => {
    const kafka = new ScriptedKafka()
    const consumer = consumerOf(kafka)
    const reader = consumer.messages()
    const next = reader.next()
    await settle()
    kafka.next('Heartbeat', () => ({ errorCode: errorCode('REBALANCE_IN_PROGRESS') }))
    await kafka.runtime.advance(3_100)
    kafka.partitions[0]!.append(['a', 'b'])
    kafka.appended()
    await kafka.runtime.advance(1_000)
    expect(value((await next).value)).toBe('a')
    expect(await take(reader, 1)).toEqual(['b'])
    expect(await outcome(reader.next())).toBe('pending')
  })

  test('a group that cannot be joined rejects the reader and every later call', async () => {
    const kafka = new ScriptedKafka()
    kafka.responses.set('JoinGroup', () => ({ errorCode: errorCode('GROUP_AUTHORIZATION_FAILED'), memberId: '' }))
    const consumer = consumerOf(kafka)
    await expect(consumer.messages().next()).rejects.toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' })
    await expect(consumer.poll()).rejects.toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' })
    await expect(consumer.ready()).rejects.toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' })
  })
})

describe('close', () => {
  test('commits, leaves, closes its lanes; is idempotent; nothing is sent after it', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const closedConnections: string[] = []
    kafka.node.closeConnection = (purpose) => void closedConnections.push(purpose.split(':')[0]!)
    const consumer = consumerOf(kafka)
    const reader = consumer.messages()
    await take(reader, 2)
    await reader.return()
    expect(consumer.close()).toBe(consumer.close())
    await consumer.close()
    expect(kafka.committedAt()).toBe(1)
    expect(kafka.bodies('LeaveGroup')).toHaveLength(1)
    expect(new Set(closedConnections)).toEqual(new Set(['fetch', 'coordinator']))
    const sent = kafka.sent.length
    await kafka.runtime.advance(100_000)
    expect(kafka.sent).toHaveLength(sent)
    expect(kafka.runtime.pendingTimers).toBe(0)
  })

  test('whatever a handler does there is time to commit what is done and to say goodbye', async () => {
    const kafka = new ScriptedKafka(2)
    kafka.partitions[0]!.append(['a', 'b'])
    kafka.partitions[1]!.append(['x'])
    const consumer = consumerOf(kafka)
    let started = 0
    const running = consumer.run({
      each: ({ offset }) => (++started && offset > 0n ? new Promise(() => {}) : undefined),
    })
    await settle()
    expect(started).toBe(2)
    const closing = consumer.close({ timeoutMs: 2_000 })
    await kafka.runtime.advance(2_000)
    await closing
    expect(kafka.committedAt()).toBe(1)
    expect(kafka.bodies('LeaveGroup')).toHaveLength(1)
    expect(await outcome(running)).toBe('pending')
  })

  test('of a consumer that never read opens nothing', async () => {
    const kafka = new ScriptedKafka()
    await consumerOf(kafka).close()
    expect(kafka.sent).toEqual([])
  })

  test('at any moment of joining', async () => {
    for (const api of ['JoinGroup', 'SyncGroup', 'OffsetFetch', 'ListOffsets', 'Fetch']) {
      const kafka = new ScriptedKafka()
      kafka.responses.set(api, never)
      const consumer = consumerOf(kafka)
      const next = consumer.messages().next()
      await settle()
      const closing = consumer.close({ timeoutMs: 1_000 })
      await kafka.runtime.advance(1_000)
      await closing
      expect(await next).toEqual({ value: undefined, done: true })
    }
  })
})

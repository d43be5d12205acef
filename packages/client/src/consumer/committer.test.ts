import { type ErrorName, errorCode } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import { never, settle } from '../group/testing/scripted-cluster.ts'
import type { Message } from './message.ts'
import { closeConsumers, consumerOf, take, values } from './testing/consumers.ts'
import { ScriptedKafka } from './testing/scripted-log.ts'

afterEach(async () => expect(await closeConsumers(), 'timers left').toBe(0))

describe('committing', () => {
  test('manual: only what was named', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c', 'd'])
    const consumer = consumerOf(kafka, { commit: 'manual' })
    const reader = consumer.messages()
    const first = (await reader.next()).value as Message
    const second = (await reader.next()).value as Message
    await reader.next()
    await consumer.commit()
    expect(kafka.committedAt()).toBe(undefined)
    consumer.done(first)
    await consumer.commit()
    expect(kafka.committedAt()).toBe(1)
    await consumer.commit(second)
    expect(kafka.committedAt()).toBe(2)
    await consumer.commit([{ topic: 't', partition: 0, offset: 4 }])
    expect(kafka.committedAt()).toBe(4)
    await reader.return()
    await consumer.close()
    expect(kafka.committedAt()).toBe(4)
  })

  test('none: nothing by itself, all that is done when asked', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka, { commit: 'none' })
    await take(consumer.messages(), 2)
    await kafka.runtime.advance(10_000)
    expect(kafka.bodies('OffsetCommit')).toEqual([])
    await consumer.commit()
    expect(kafka.committedAt()).toBe(1)
  })

  test('auto: by the interval, and by count', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c', 'd', 'e'])
    const reader = consumerOf(kafka, { commit: { count: 3 } }).messages()
    await take(reader, 3)
    await settle()
    expect(kafka.committedAt()).toBe(undefined)
    await take(reader, 1)
    await settle()
    expect(kafka.committedAt()).toBe(3)
    await take(reader, 1)
    await kafka.runtime.advance(5_000)
    expect(kafka.committedAt()).toBe(4)
    const commits = kafka.bodies('OffsetCommit').length
    await kafka.runtime.advance(20_000)
    expect(kafka.bodies('OffsetCommit'), 'nothing new, nothing sent').toHaveLength(commits)
  })

  test('a batch commits itself', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b']).append(['c'])
    const consumer = consumerOf(kafka, { commit: 'manual' })
    for await (const batch of consumer.batches()) {
      expect(values([...batch])).toEqual(['a', 'b'])
      await batch.commit()
      break
    }
    expect(kafka.committedAt()).toBe(2)
    for await (const batch of consumer.batches()) {
      expect(batch.firstOffset).toBe(2n)
      break
    }
  })

  test('never overtakes: the second is sent when the first was answered', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a'])
    const consumer = consumerOf(kafka)
    await take(consumer.messages(), 1)
    let respond: ((value: unknown) => void) | undefined
    kafka.next('OffsetCommit', () => new Promise((resolve) => (respond = resolve)))
    const first = consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
    const second = consumer.commit([{ topic: 't', partition: 0, offset: 2 }])
    await settle()
    expect(kafka.bodies('OffsetCommit')).toHaveLength(1)
    respond?.({ topics: [] })
    await Promise.all([first, second])
    expect(kafka.committedAt()).toBe(2)
  })

  const codes: [ErrorName, 'retried' | 'rejected', boolean][] = [
    ['COORDINATOR_LOAD_IN_PROGRESS', 'retried', false],
    ['NOT_COORDINATOR', 'retried', false],
    ['COORDINATOR_NOT_AVAILABLE', 'retried', false],
    ['REQUEST_TIMED_OUT', 'retried', false],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'retried', false],
    ['REBALANCE_IN_PROGRESS', 'rejected', true],
    ['ILLEGAL_GENERATION', 'rejected', true],
    ['UNKNOWN_MEMBER_ID', 'rejected', true],
    ['OFFSET_METADATA_TOO_LARGE', 'rejected', false],
    ['TOPIC_AUTHORIZATION_FAILED', 'rejected', false],
    ['GROUP_AUTHORIZATION_FAILED', 'rejected', false],
  ]
  test.each(codes)('%s is %s; joins again: %s', async (name, what, rejoins) => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka)
    await take(consumer.messages(), 2)
    kafka.next('OffsetCommit', () => ({
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: errorCode(name) }] }],
    }))
    const joins = kafka.bodies('JoinGroup').length
    const commit = consumer.commit()
    const result = commit.then(
      () => 'resolved',
      (error: KafkaError) => error.code,
    )
    await kafka.runtime.advance(6_000)
    expect(await result).toBe(what === 'retried' ? 'resolved' : name)
    expect(kafka.bodies('JoinGroup').length > joins).toBe(rejoins)
  })

  test('a failing commit does not stop reading', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a']).append(['b'])
    kafka.responses.set('OffsetCommit', never)
    const consumer = consumerOf(kafka, { commit: { intervalMs: 10 } })
    const reader = consumer.messages()
    await take(reader, 1)
    await kafka.runtime.advance(1_000)
    expect(await take(reader, 1)).toEqual(['b'])
  })

  test('an attempt that follows after the partition went commits nothing, though the member is in the group again', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka, { commit: 'none' })
    const reader = consumer.messages()
    await take(reader, 2)
    const lost = () => {
      throw new KafkaError('CONNECTION_LOST', 'on the way', { retriable: true })
    }
    kafka.next('OffsetCommit', ...Array(12).fill(lost))
    const commit = consumer.commit().catch((error: unknown) => error)
    kafka.next('Heartbeat', () => ({ errorCode: errorCode('UNKNOWN_MEMBER_ID') }))
    await kafka.runtime.advance(20_000)
    expect(await commit).toMatchObject({ code: 'ILLEGAL_GENERATION', topic: 't', partition: 0, offset: 1n })
    expect(kafka.bodies('JoinGroup')).toHaveLength(2)
    expect(kafka.committedAt()).toBe(undefined)
  })

  test('an item of a partition that is gone is refused', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka, { commit: 'manual' })
    const message = (await consumer.messages().next()).value as Message
    consumer.seek({ topic: 't', partition: 0, offset: 0 })
    expect(() => consumer.done(message)).toThrow(
      /Cannot mark topic 't', partition 0, offset \d+ as done: the partition was revoked or repositioned/,
    )
  })
})

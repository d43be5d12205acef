import { errorCode } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import { settle } from '../group/testing/scripted-cluster.ts'
import { closeConsumers, consumerOf, outcome, take, value } from './testing/consumers.ts'
import { ScriptedKafka, ScriptedPartition } from './testing/scripted-log.ts'

afterEach(async () => expect(await closeConsumers(), 'timers left').toBe(0))

describe('the position', () => {
  test('latest is looked up once: records between the look-up and the first fetch are not skipped', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['old'])
    kafka.next('Fetch', () => {
      kafka.partitions[0]!.append(['new'])
      throw new KafkaError('CONNECTION_LOST', 'gone', { retriable: true })
    })
    const reader = consumerOf(kafka, { offsetReset: 'latest' }).messages()
    const next = reader.next()
    await kafka.runtime.advance(1_000)
    expect(value((await next).value)).toBe('new')
    expect(kafka.bodies('ListOffsets')).toHaveLength(1)
  })

  test.each([
    'UNSTABLE_OFFSET_COMMIT',
    'COORDINATOR_LOAD_IN_PROGRESS',
    'NOT_COORDINATOR',
    'UNKNOWN_SERVER_ERROR',
  ] as const)('a committed offset that is not told at first (%s) is waited for, not replaced', async (name) => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    kafka.committed.set(0, 1n)
    const refused = () => ({ groups: [{ groupId: 'g', topics: [], errorCode: errorCode(name) }] })
    kafka.next('OffsetFetch', refused, refused)
    const next = consumerOf(kafka, { offsetReset: 'latest' }).messages().next()
    await kafka.runtime.advance(2_000)
    expect(value((await next).value)).toBe('b')
    expect(kafka.bodies('OffsetFetch')[0]).toMatchObject({ requireStable: true })
  })

  test('none: without a committed offset reading fails, and says what to do', async () => {
    const kafka = new ScriptedKafka()
    const consumer = consumerOf(kafka, { offsetReset: 'none' })
    const error = (await consumer
      .messages()
      .next()
      .catch((thrown: unknown) => thrown)) as KafkaError
    expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', topic: 't', partition: 0 })
    expect(error.hint).toMatch(/Seek/)
  })

  test('an offset that the log no longer has: reset, and told', async () => {
    const kafka = new ScriptedKafka()
    const [log] = kafka.partitions
    log!.append(['a']).append(['b']).append(['c'])
    log!.batches.splice(0, 2)
    log!.start = 2
    kafka.committed.set(0, 0n)
    const consumer = consumerOf(kafka)
    const resets: unknown[] = []
    consumer.on('positionReset', (event) => resets.push(event))
    expect(await take(consumer.messages(), 1)).toEqual(['c'])
    expect(resets).toEqual([{ topic: 't', partition: 0, from: 0n, to: 2n, reason: 'out-of-range' }])
  })

  test('a log that was cut under a new leader: back to where it ends', async () => {
    const kafka = new ScriptedKafka()
    const [log] = kafka.partitions
    log!.append(['a']).append(['b']).append(['c'])
    const consumer = consumerOf(kafka)
    const resets: unknown[] = []
    consumer.on('positionReset', ({ reason, from, to }) => resets.push(`${reason} ${from} ${to}`))
    const reader = consumer.messages()
    await take(reader, 3)
    const next = reader.next()
    await settle()
    log!.batches.splice(1)
    log!.leaderEpoch = 5
    log!.append(['B'], { leaderEpoch: 5 })
    kafka.responses.set('OffsetForLeaderEpoch', (body) => {
      expect(body.topics).toMatchObject([{ partitions: [{ leaderEpoch: 0, currentLeaderEpoch: 5 }] }])
      return { topics: [{ topic: 't', partitions: [{ partition: 0, errorCode: 0, leaderEpoch: 0, endOffset: 1n }] }] }
    })
    kafka.changed()
    await kafka.runtime.advance(1_000)
    expect(value((await next).value)).toBe('B')
    expect(resets).toContain('truncated 3 1')
  })

  test('a topic that was deleted and created anew is read from its beginning, whatever its epochs', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.leaderEpoch = 7
    kafka.partitions[0]!.append(['a', 'b', 'c'], { leaderEpoch: 7 })
    const consumer = consumerOf(kafka, { offsetReset: 'latest' })
    const resets: unknown[] = []
    consumer.on('positionReset', ({ reason, to }) => resets.push(`${reason} ${to}`))
    const reader = consumer.messages()
    const next = reader.next()
    await settle()
    kafka.topicId = 'AAAAAAAAAAAAAAAAAAAAAg'
    kafka.partitions[0] = new ScriptedPartition().append(['A', 'B', 'C', 'D'])
    kafka.changed()
    await kafka.runtime.advance(1_000)
    expect(value((await next).value)).toBe('A')
    expect(resets).toEqual(['no-committed-offset 3', 'recreated 0'])
    expect(kafka.bodies('Fetch').at(-1)).toMatchObject({ topics: [{ partitions: [{ currentLeaderEpoch: 0 }] }] })
  })

  test('what was fetched before the log went out of reach is delivered before the reset', async () => {
    const kafka = new ScriptedKafka()
    const [log] = kafka.partitions
    log!.append(['a']).append(['b'])
    const consumer = consumerOf(kafka)
    const reader = consumer.messages()
    expect(await take(reader, 1)).toEqual(['a'])
    log!.batches = []
    log!.start = 9
    log!.append(['c'])
    kafka.appended()
    await kafka.runtime.advance(1_000)
    const rest = take(reader, 2)
    await kafka.runtime.advance(5_000)
    expect(await rest).toEqual(['b', 'c'])
  })

  test('a seek to an end from the hook comes before the committed offset', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    kafka.committed.set(0, 2n)
    const consumer = consumerOf(kafka, {
      onAssigned: ([partition]) => consumer.seek({ ...partition!, offset: 'earliest' }),
    })
    expect(await take(consumer.messages(), 1)).toEqual(['a'])
  })

  test('an epoch whose end is unknown, or not below the position, changes nothing', async () => {
    const kafka = new ScriptedKafka()
    const [log] = kafka.partitions
    log!.append(['a'])
    kafka.responses.set('OffsetForLeaderEpoch', () => ({
      topics: [{ topic: 't', partitions: [{ partition: 0, errorCode: 0, leaderEpoch: -1, endOffset: -1n }] }],
    }))
    const reader = consumerOf(kafka).messages()
    await take(reader, 1)
    const next = reader.next()
    await settle()
    log!.leaderEpoch = 1
    kafka.changed()
    log!.append(['b'], { leaderEpoch: 1 })
    await kafka.runtime.advance(1_000)
    expect(value((await next).value)).toBe('b')
  })

  test('seek: forth and back, to the ends, and not on what is not assigned', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c', 'd'])
    const consumer = consumerOf(kafka)
    const reader = consumer.messages()
    await take(reader, 1)
    consumer.seek({ topic: 't', partition: 0, offset: 3n })
    const third = reader.next()
    await kafka.runtime.advance(0)
    expect(value((await third).value)).toBe('d')
    consumer.seek({ topic: 't', partition: 0, offset: 'earliest' })
    const first = reader.next()
    await kafka.runtime.advance(0)
    expect(value((await first).value)).toBe('a')
    expect(() => consumer.seek({ topic: 't', partition: 1, offset: 0 })).toThrow(/not assigned/)
  })

  test('paused partitions deliver nothing, and what was fetched waits for resume', async () => {
    const kafka = new ScriptedKafka(2)
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    kafka.partitions[1]!.append(['x'])
    const consumer = consumerOf(kafka)
    const reader = consumer.messages()
    expect(await take(reader, 1)).toEqual(['a'])
    consumer.pause([{ topic: 't', partition: 0 }])
    expect(consumer.paused()).toEqual([{ topic: 't', partition: 0 }])
    expect(await take(reader, 1)).toEqual(['x'])
    const next = reader.next()
    expect(await outcome(next)).toBe('pending')
    const fetches = kafka.bodies('Fetch').length
    consumer.resume([{ topic: 't', partition: 0 }])
    expect(value((await next).value)).toBe('b')
    expect(kafka.bodies('Fetch')).toHaveLength(fetches)
  })

  test('without a group: the given offsets, and nothing to commit to', async () => {
    const kafka = new ScriptedKafka(2)
    kafka.partitions[0]!.append(['a', 'b'])
    kafka.partitions[1]!.append(['x', 'y'])
    const assign = [
      { topic: 't', partition: 0, offset: 1 },
      { topic: 't', partition: 1, offset: 'earliest' as const },
    ]
    const consumer = consumerOf(kafka, { groupId: undefined, assign })
    const taken = take(consumer.messages(), 3)
    await kafka.runtime.advance(0)
    expect((await taken).sort()).toEqual(['b', 'x', 'y'])
    await expect(consumer.commit()).rejects.toMatchObject({ code: 'INVALID_STATE' })
    expect(kafka.apisUsed()).not.toContain('JoinGroup')
    expect(kafka.apisUsed()).not.toContain('OffsetFetch')
  })

  test('a partition that does not exist is told', async () => {
    const consumer = consumerOf(new ScriptedKafka(), { groupId: undefined, assign: [{ topic: 't', partition: 7 }] })
    await expect(consumer.messages().next()).rejects.toThrow(
      "Topic 't', partition 7 does not exist: the topic has partitions 0 to 0",
    )
  })
})

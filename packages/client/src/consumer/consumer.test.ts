import { type ErrorName, errorCode } from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { KafkaError } from '../errors.ts'
import { never, settle } from '../group/testing/scripted-cluster.ts'
import { Consumer } from './consumer.ts'
import type { Message } from './message.ts'
import type { ConsumerOptions } from './options.ts'
import { ScriptedKafka } from './testing/scripted-log.ts'

const open: { kafka: ScriptedKafka; consumer: Consumer }[] = []

function consumerOf(kafka: ScriptedKafka, options: Partial<ConsumerOptions> = {}): Consumer {
  const source = options.assign === undefined ? { topics: ['t'] } : {}
  const consumer = new Consumer(kafka.cluster, { groupId: 'g', offsetReset: 'earliest', ...source, ...options })
  open.push({ kafka, consumer })
  return consumer
}

afterEach(async () => {
  for (const { kafka, consumer } of open.splice(0)) {
    const closed = consumer.close()
    await kafka.runtime.advance(20_000)
    await closed
    expect(kafka.runtime.pendingTimers, 'timers left').toBe(0)
  }
})

const value = (message: Message | undefined) => message?.value?.toString()
const values = (messages: readonly Message[]) => messages.map(value)

async function take(reader: AsyncIterator<Message>, count: number): Promise<(string | undefined)[]> {
  const taken: (string | undefined)[] = []
  for (let i = 0; i < count; i++) taken.push(value((await reader.next()).value))
  return taken
}

/** What a promise came to so far. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  let result: unknown = 'pending'
  promise.then(
    (given) => (result = given),
    (error: unknown) => (result = error),
  )
  await settle()
  return result
}

describe('for await', () => {
  test('gives the records in order, with all that belongs to them', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b']).append(['c', null])
    const consumer = consumerOf(kafka)
    const seen: Message[] = []
    for await (const message of consumer) if (seen.push(message) === 4) break
    expect(values(seen)).toEqual(['a', 'b', 'c', undefined])
    const first = {
      topic: 't',
      partition: 0,
      offset: '0',
      timestamp: 1000,
      key: 'ka',
      value: 'a',
      headers: [],
      leaderEpoch: 0,
    }
    expect(JSON.parse(JSON.stringify(seen[0]))).toEqual(first)
    expect(seen[3]!.value).toBe(null)
    expect(seen[3]!.key).toBe(null)
    expect(seen[2]!.offset).toBe(2n)
    expect(seen[0]!.value).toBe(seen[0]!.value)
    expect(seen[0]!.detach()).toMatchObject({ offset: 0n, value: Buffer.from('a') })
  })

  test('one is done when the next is asked for; what break leaves comes again, and is not committed', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c', 'd'])
    const consumer = consumerOf(kafka)
    for await (const message of consumer) if (value(message) === 'c') break
    await consumer.commit()
    expect(kafka.committedAt()).toBe(2)
    for await (const message of consumer) {
      expect(value(message)).toBe('c')
      break
    }
    const reader = consumer.messages()
    expect(await take(reader, 2)).toEqual(['c', 'd'])
    await reader.return()
    await consumer.close()
    expect(kafka.committedAt()).toBe(3)
  })

  test('a second next before the first settles, and a second reader, are CONSUMER_BUSY', async () => {
    const kafka = new ScriptedKafka()
    const consumer = consumerOf(kafka)
    const reader = consumer.messages()
    const first = reader.next()
    await expect(reader.next()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
    await settle()
    await expect(consumer.batches().next()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
    await expect(consumer.poll()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
    await expect(consumer.run({ each: () => {} })).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
    kafka.partitions[0]!.append(['a'])
    kafka.appended()
    expect(value((await first).value)).toBe('a')
  })

  test('close ends a pending next; so does a signal, with an error', async () => {
    const kafka = new ScriptedKafka()
    const consumer = consumerOf(kafka)
    const stop = new AbortController()
    const reader = consumer.messages({ signal: stop.signal })
    const first = reader.next()
    await settle()
    stop.abort()
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' })
    const second = consumer.messages().next()
    await settle()
    await consumer.close()
    expect(await second).toEqual({ value: undefined, done: true })
    await expect(consumer.messages().next()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('partitions take turns', async () => {
    const kafka = new ScriptedKafka(2)
    for (const partition of kafka.partitions) partition.append(['a', 'b']).append(['c'])
    const seen: string[] = []
    for await (const message of consumerOf(kafka)) {
      if (seen.push(`${message.partition}${value(message)}`) === 6) break
    }
    expect(seen.join(' ')).toBe('0a 0b 1a 1b 0c 1c')
  })
})

describe('what is passed over', () => {
  test('control batches and aborted transactions, inflated or not; what is done goes beyond them', async () => {
    const kafka = new ScriptedKafka()
    const transactional = { producerId: 7n, transactional: true }
    kafka.partitions[0]!.append(['a'], transactional)
      .marker(7n, true)
      .append(['lost'], { ...transactional, gzip: true })
      .append(['b'])
      .marker(7n, false)
      .append(['c'], transactional)
      .marker(7n, true)
    kafka.partitions[0]!.aborted = [
      { producerId: 9n, firstOffset: 99n },
      { producerId: 7n, firstOffset: 2n },
    ]
    const consumer = consumerOf(kafka)
    const reader = consumer.messages()
    expect(await take(reader, 3)).toEqual(['a', 'b', 'c'])
    expect(await outcome(reader.next())).toBe('pending')
    await consumer.commit()
    expect(kafka.committedAt()).toBe(7)
    expect(consumer.position({ topic: 't', partition: 0 })).toBe(7n)
  })

  test('read_uncommitted delivers aborted records, but never control batches', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a'], { producerId: 7n, transactional: true }).marker(7n, false).append(['b'])
    kafka.partitions[0]!.aborted = [{ producerId: 7n, firstOffset: 0n }]
    const consumer = consumerOf(kafka, { isolation: 'read_uncommitted' })
    expect(await take(consumer.messages(), 2)).toEqual(['a', 'b'])
  })

  test('batches that compaction emptied, or whose last records are gone, do not hold up', async () => {
    const kafka = new ScriptedKafka()
    const [log] = kafka.partitions
    log!.append(['a'])
    const empty = Buffer.from(log!.batches[0]!.bytes.subarray(0, 61))
    empty.writeBigInt64BE(1n, 0)
    empty.writeInt32BE(61 - 12, 8)
    empty.writeInt32BE(4, 23)
    empty.writeInt32BE(0, 57)
    log!.add(1, 6, empty).append(['b'])
    const consumer = consumerOf(kafka)
    const reader = consumer.messages()
    expect(await take(reader, 2)).toEqual(['a', 'b'])
    await outcome(reader.next())
    expect(consumer.position({ topic: 't', partition: 0 })).toBe(7n)
  })

  test('records before the position in a batch', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    kafka.committed.set(0, 1n)
    expect(await take(consumerOf(kafka).messages(), 2)).toEqual(['b', 'c'])
  })
})

describe('bytes', () => {
  test('gzip is inflated', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'], { gzip: true }).append(['c'], { gzip: true })
    expect(await take(consumerOf(kafka).messages(), 3)).toEqual(['a', 'b', 'c'])
  })

  test('a broken batch stops its partition with one error that says where; a seek goes beyond', async () => {
    const kafka = new ScriptedKafka(2)
    kafka.partitions[0]!.append(['a']).append(['broken']).append(['c'])
    kafka.partitions[1]!.append(['x'])
    const bytes = kafka.partitions[0]!.batches[1]!.bytes
    bytes[bytes.length - 2]! ^= 1
    const consumer = consumerOf(kafka)
    const seen: unknown[] = []
    const error = await (async () => {
      for await (const message of consumer) seen.push(value(message))
      return undefined
    })().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CORRUPT_MESSAGE', topic: 't', partition: 0, offset: 1n })
    expect(seen.sort()).toEqual(['a', 'x'])
    const reader = consumer.messages()
    expect(await outcome(reader.next())).toBe('pending')
    consumer.seek({ topic: 't', partition: 0, offset: 2n })
    kafka.appended()
    await reader.return()
  })

  test('without the check the bytes are taken as they are', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['broken'])
    const { bytes } = kafka.partitions[0]!.batches[0]!
    bytes[17]! ^= 1
    expect(await take(consumerOf(kafka, { checkCrcs: false }).messages(), 1)).toEqual(['broken'])
  })

  test('a batch that inflates beyond the limit is an error, not an endless fetch', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['x'.repeat(10_000)], { gzip: true })
    const consumer = consumerOf(kafka, { maxDecompressedBytes: 5_000 })
    await expect(consumer.messages().next()).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE', offset: 0n })
    const fetches = kafka.bodies('Fetch').length
    await kafka.runtime.advance(5_000)
    expect(kafka.bodies('Fetch').length).toBeLessThanOrEqual(fetches + 1)
  })

  test('bytes that wait for delivery are bounded', async () => {
    const kafka = new ScriptedKafka()
    for (let i = 0; i < 100; i++) kafka.partitions[0]!.append(['x'.repeat(1_000)])
    kafka.partitions[0]!.perFetch = 1
    const consumer = consumerOf(kafka, { maxBufferedBytes: 10_000, partitionMaxBytes: 1_000 })
    const reader = consumer.messages()
    await take(reader, 1)
    await kafka.runtime.advance(100)
    expect(kafka.metrics.snapshot().gauges['consumer.bufferedBytes']).toBeLessThan(12_000)
    expect(await take(reader, 99)).toHaveLength(99)
  })
})

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
    let answer: ((value: unknown) => void) | undefined
    kafka.next('OffsetCommit', () => new Promise((resolve) => (answer = resolve)))
    const first = consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
    const second = consumer.commit([{ topic: 't', partition: 0, offset: 2 }])
    await settle()
    expect(kafka.bodies('OffsetCommit')).toHaveLength(1)
    answer?.({ topics: [] })
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
    kafka.answers.set('OffsetCommit', never)
    const consumer = consumerOf(kafka, { commit: { intervalMs: 10 } })
    const reader = consumer.messages()
    await take(reader, 1)
    await kafka.runtime.advance(1_000)
    expect(await take(reader, 1)).toEqual(['b'])
  })

  test('an item of a partition that is gone is refused', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka, { commit: 'manual' })
    const message = (await consumer.messages().next()).value as Message
    consumer.seek({ topic: 't', partition: 0, offset: 0 })
    expect(() => consumer.done(message)).toThrow(/given up, or its position moved/)
  })
})

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
    kafka.answers.set('JoinGroup', () => ({ errorCode: errorCode('GROUP_AUTHORIZATION_FAILED'), memberId: '' }))
    const consumer = consumerOf(kafka)
    await expect(consumer.messages().next()).rejects.toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' })
    await expect(consumer.poll()).rejects.toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' })
    await expect(consumer.ready()).rejects.toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' })
  })
})

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
    kafka.answers.set('OffsetForLeaderEpoch', (body) => {
      expect(body.topics).toMatchObject([{ partitions: [{ leaderEpoch: 0, currentLeaderEpoch: 5 }] }])
      return { topics: [{ topic: 't', partitions: [{ partition: 0, errorCode: 0, leaderEpoch: 0, endOffset: 1n }] }] }
    })
    kafka.changed()
    await kafka.runtime.advance(1_000)
    expect(value((await next).value)).toBe('B')
    expect(resets).toContain('truncated 3 1')
  })

  test('an epoch whose end is unknown, or not below the position, changes nothing', async () => {
    const kafka = new ScriptedKafka()
    const [log] = kafka.partitions
    log!.append(['a'])
    kafka.answers.set('OffsetForLeaderEpoch', () => ({
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
    await kafka.runtime.advance(600)
    expect(value((await third).value)).toBe('d')
    consumer.seek({ topic: 't', partition: 0, offset: 'earliest' })
    const first = reader.next()
    await kafka.runtime.advance(600)
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
    await kafka.runtime.advance(600)
    expect((await taken).sort()).toEqual(['b', 'x', 'y'])
    await expect(consumer.commit()).rejects.toMatchObject({ code: 'INVALID_STATE' })
    expect(kafka.apisUsed()).not.toContain('JoinGroup')
    expect(kafka.apisUsed()).not.toContain('OffsetFetch')
  })

  test('a partition that does not exist is told', async () => {
    const consumer = consumerOf(new ScriptedKafka(), { groupId: undefined, assign: [{ topic: 't', partition: 7 }] })
    await expect(consumer.messages().next()).rejects.toThrow("topic 't' has no partition 7, only 1")
  })
})

describe('poll', () => {
  test('gives what is there, marks the poll before done, and is empty after its time', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b']).append(['c', 'd', 'e'])
    const consumer = consumerOf(kafka)
    expect(values(await consumer.poll({ maxRecords: 4 }))).toEqual(['a', 'b', 'c', 'd'])
    await consumer.commit()
    expect(kafka.committedAt()).toBe(0)
    expect(values(await consumer.poll())).toEqual(['e'])
    await consumer.commit()
    expect(kafka.committedAt()).toBe(4)
    const empty = consumer.poll({ timeoutMs: 700 })
    await kafka.runtime.advance(699)
    expect(await outcome(empty)).toBe('pending')
    await kafka.runtime.advance(1)
    expect(await empty).toEqual([])
    await consumer.close()
    expect(kafka.committedAt()).toBe(5)
  })
})

describe('run', () => {
  test('in order, awaiting what is a promise, until its signal', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    const consumer = consumerOf(kafka)
    const stop = new AbortController()
    const seen: string[] = []
    const running = consumer.run({
      signal: stop.signal,
      each: async (message, { signal }) => {
        expect(signal.aborted).toBe(false)
        seen.push(`<${value(message)}`)
        await settle()
        seen.push(`${value(message)}>`)
        if (value(message) === 'b') stop.abort()
      },
    })
    await running
    expect(seen.join('')).toBe('<aa><bb>')
    await consumer.close()
    expect(kafka.committedAt()).toBe(2)
  })

  test('partitions side by side up to the limit', async () => {
    const kafka = new ScriptedKafka(4)
    for (const partition of kafka.partitions) partition.append(['a', 'b'])
    let now = 0
    let most = 0
    const perPartition = new Map<number, number>()
    const consumer = consumerOf(kafka)
    let left = 8
    const stop = new AbortController()
    await consumer.run({
      signal: stop.signal,
      concurrency: { by: 'partition', limit: 3 },
      each: async ({ partition }) => {
        most = Math.max(most, ++now)
        perPartition.set(partition, (perPartition.get(partition) ?? 0) + 1)
        expect(perPartition.get(partition)).toBe(1)
        await settle()
        perPartition.set(partition, 0)
        now--
        if (--left === 0) stop.abort()
      },
    })
    expect(most).toBe(3)
  })

  test('a handler that fails ends it; nothing is committed past it, and it comes first the next time', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b', 'c'])
    const consumer = consumerOf(kafka)
    const failing = consumer.run({
      each: (message) => {
        if (value(message) === 'b') throw new Error('poison')
      },
    })
    await expect(failing).rejects.toMatchObject({ code: 'HANDLER_FAILED', topic: 't', partition: 0, offset: 1n })
    await consumer.commit()
    expect(kafka.committedAt()).toBe(1)
    expect(await take(consumer.messages(), 2)).toEqual(['b', 'c'])
  })

  test('retries with pauses, and tells of each', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka)
    const retries: number[] = []
    consumer.on('retry', ({ attempt, backoffMs }) => retries.push(attempt, backoffMs))
    let failures = 2
    const seen: unknown[] = []
    const stop = new AbortController()
    const running = consumer.run({
      retry: { attempts: 3, backoffMs: [100, 1_000] },
      signal: stop.signal,
      each: async (message) => {
        if (value(message) === 'a' && failures-- > 0) throw new Error('not yet')
        if (seen.push(value(message)) === 2) stop.abort()
      },
    })
    await kafka.runtime.advance(1_000)
    await running
    expect(seen).toEqual(['a', 'b'])
    expect(retries).toEqual([1, 100, 2, 200])
  })

  test('batches too', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b']).append(['c'])
    const consumer = consumerOf(kafka)
    const seen: unknown[] = []
    const stop = new AbortController()
    await consumer.run({
      signal: stop.signal,
      eachBatch: (batch) => {
        seen.push(values([...batch]))
        if (seen.length === 2) stop.abort()
      },
    })
    expect(seen).toEqual([['a', 'b'], ['c']])
    await consumer.close()
    expect(kafka.committedAt()).toBe(3)
  })

  test('options that are not there are refused clearly', async () => {
    const consumer = consumerOf(new ScriptedKafka())
    const each = () => {}
    await expect(consumer.run({ each, deadLetter: { topic: 'x' } } as never)).rejects.toThrow(/deadLetter/)
    await expect(consumer.run({ each, concurrency: { by: 'key' as never } })).rejects.toThrow(/by 'key'/)
    await expect(consumer.run({})).rejects.toThrow(/either 'each' or 'eachBatch'/)
  })

  test('close waits for the handler, commits it, and ends the run', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka)
    let finish: (() => void) | undefined
    const running = consumer.run({ each: () => new Promise<void>((resolve) => (finish = resolve)) })
    await settle()
    const closing = consumer.close()
    await settle()
    expect(kafka.bodies('LeaveGroup')).toEqual([])
    finish?.()
    await Promise.all([closing, running])
    expect(kafka.committedAt()).toBe(1)
    expect(kafka.bodies('LeaveGroup')).toHaveLength(1)
  })
})

describe('an item that takes too long', () => {
  test('its signal aborts and an event tells; not done after the grace the consumer leaves and the reader rejects', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka, { maxProcessingMs: 10_000, revokeGraceMs: 2_000 })
    const stalled: unknown[] = []
    consumer.on('stalled', (event) => stalled.push(event.offset))
    const reader = consumer.messages()
    const first = (await reader.next()).value as Message
    await kafka.runtime.advance(9_900)
    expect(first.signal.aborted).toBe(false)
    await kafka.runtime.advance(4_100)
    expect(stalled).toEqual([0n])
    expect(first.signal.aborted).toBe(true)
    await kafka.runtime.advance(6_000)
    expect(kafka.bodies('LeaveGroup')).toHaveLength(1)
    await expect(reader.next()).rejects.toMatchObject({ code: 'PROCESSING_TIMED_OUT', offset: 0n })
  })

  test('heartbeats go on however long a handler takes', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const consumer = consumerOf(kafka, { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 1_000 })
    const reader = consumer.messages()
    await reader.next()
    await kafka.runtime.advance(60_000)
    expect(kafka.bodies('Heartbeat').length).toBeGreaterThan(55)
    expect(await take(reader, 1)).toEqual(['b'])
    expect(kafka.bodies('JoinGroup')).toHaveLength(1)
  })
})

describe('close', () => {
  test('commits, leaves, closes its lanes; is idempotent; nothing is sent after it', async () => {
    const kafka = new ScriptedKafka()
    kafka.partitions[0]!.append(['a', 'b'])
    const closedLanes: string[] = []
    kafka.node.closeLane = (lane) => void closedLanes.push(lane.split(':')[0]!)
    const consumer = consumerOf(kafka)
    const reader = consumer.messages()
    await take(reader, 2)
    await reader.return()
    expect(consumer.close()).toBe(consumer.close())
    await consumer.close()
    expect(kafka.committedAt()).toBe(1)
    expect(kafka.bodies('LeaveGroup')).toHaveLength(1)
    expect(new Set(closedLanes)).toEqual(new Set(['fetch', 'coordinator']))
    const sent = kafka.sent.length
    await kafka.runtime.advance(100_000)
    expect(kafka.sent).toHaveLength(sent)
    expect(kafka.runtime.pendingTimers).toBe(0)
  })

  test('of a consumer that never read opens nothing', async () => {
    const kafka = new ScriptedKafka()
    await consumerOf(kafka).close()
    expect(kafka.sent).toEqual([])
  })

  test('at any moment of joining', async () => {
    for (const api of ['JoinGroup', 'SyncGroup', 'OffsetFetch', 'ListOffsets', 'Fetch']) {
      const kafka = new ScriptedKafka()
      kafka.answers.set(api, never)
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

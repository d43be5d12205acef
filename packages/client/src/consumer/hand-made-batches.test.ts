import { OffsetForLeaderEpoch } from '@ottla/codec'
import { emptyBatch } from '@ottla/codec/records'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { take, value } from '../../test/support/consuming.ts'
import { batchOf } from '../../test/support/record-batches.ts'
import { ScriptedConsumer } from '../../test/support/scripted-consumer.ts'
import { outcome } from '../../test/support/settled.ts'
import type { Message } from './message.ts'

let scripted: ScriptedConsumer

beforeEach(() => {
  scripted = new ScriptedConsumer({ partitions: 2, metadataMaxAgeMs: 10_000 })
})

afterEach(() => scripted.close())

const settle = () => scripted.runtime.settle()
/** Time for joining the group and a first fetch, which may wait half a second. */
const start = async <T>(promise: Promise<T>): Promise<T> => {
  await scripted.runtime.advance(2_000)
  return promise
}

describe('what is skipped', () => {
  test('control batches and aborted transactions, compressed or not; the commit moves past them', async () => {
    const { log } = scripted
    const transactional = { producerId: 7n, transactional: true }
    log.append(['a'], transactional).marker(7n, true)
    log
      .append(['lost'], { ...transactional, gzip: true })
      .append(['b'])
      .marker(7n, false)
    log.append(['c'], transactional).marker(7n, true)
    log.aborted = [
      { producerId: 9n, firstOffset: 99n },
      { producerId: 7n, firstOffset: 2n },
    ]
    const consumer = scripted.consumer()
    const reader = consumer.messages()
    expect(await start(take(reader, 3))).toEqual(['a', 'b', 'c'])
    expect(await outcome(reader.next(), settle)).toBe('pending')
    await start(consumer.commit())
    expect(scripted.committed.get(0)).toBe(7n)
    expect(consumer.position({ topic: 't', partition: 0 })).toBe(7n)
  })

  test('with read_uncommitted only control batches', async () => {
    scripted.log.append(['a'], { producerId: 7n, transactional: true }).marker(7n, false).append(['b'])
    scripted.log.aborted = [{ producerId: 7n, firstOffset: 0n }]
    const consumer = scripted.consumer({ isolation: 'read_uncommitted' })
    expect(await start(take(consumer.messages(), 2))).toEqual(['a', 'b'])
  })

  test('batches that compaction emptied, which do not block the position', async () => {
    const producer = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }
    const empty = emptyBatch({ ...producer, baseOffset: 1n, lastOffset: 5n, partitionLeaderEpoch: 0, timestampMs: 1 })
    scripted.log.append(['a']).add(1, 6, empty).append(['b'])
    const consumer = scripted.consumer()
    const reader = consumer.messages()
    expect(await start(take(reader, 2))).toEqual(['a', 'b'])
    await outcome(reader.next(), settle)
    expect(consumer.position({ topic: 't', partition: 0 })).toBe(7n)
  })
})

describe('a commit of the application', () => {
  const transactional = { producerId: 7n, transactional: true }

  test('moves over what follows and has no record, whether it names a message or a batch', async () => {
    for (const partition of [0, 1]) scripted.logs[partition]!.append(['a', 'b'], transactional).marker(7n, true)
    const consumer = scripted.consumer({ commit: 'manual' })
    const running = consumer.run({
      eachBatch: async (batch) => {
        if (batch.partition === 0) await batch.commit()
        else for (const message of batch) await consumer.commit(message)
      },
    })
    await scripted.runtime.advance(3_000)
    expect([scripted.committed.get(0), scripted.committed.get(1)]).toEqual([3n, 3n])
    // Nothing but an aborted transaction follows: no handler is called.
    scripted.log.append(['lost'], transactional).marker(7n, false)
    scripted.log.aborted = [{ producerId: 7n, firstOffset: 3n }]
    await scripted.runtime.advance(2_000)
    expect(scripted.committed.get(0)).toBe(5n)
    await start(consumer.close())
    await running
  })

  test('with offsets stands, and so does one before messages that are not committed', async () => {
    for (const partition of [0, 1]) scripted.logs[partition]!.append(['a', 'b'], transactional).marker(7n, true)
    const consumer = scripted.consumer({ commit: 'manual' })
    const running = consumer.run({
      each: async (message) => {
        const { topic, partition, offset } = message
        if (partition === 0) await consumer.commit([{ topic, partition, offset: offset + 1n }])
        else if (offset === 0n) await consumer.commit(message)
        else consumer.done(message)
      },
    })
    await scripted.runtime.advance(5_000)
    expect([scripted.committed.get(0), scripted.committed.get(1)]).toEqual([2n, 1n])
    await start(consumer.close())
    await running
  })
})

describe('damaged batches', () => {
  test('stop their partition with one error that names the offset; a seek moves beyond them', async () => {
    const [log, other] = scripted.logs
    log!.append(['a']).append(['broken']).append(['c'])
    other!.append(['x'])
    const { bytes } = log!.batches[1]!
    bytes[bytes.length - 2]! ^= 1
    const consumer = scripted.consumer()
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const message of consumer) seen.push(value(message))
    })().catch((thrown: unknown) => thrown)
    const error = await start(reading)
    expect(error).toMatchObject({ code: 'CORRUPT_MESSAGE', topic: 't', partition: 0, offset: 1n })
    expect(seen).toEqual(['a'])
    const reader = consumer.messages()
    expect(await start(take(reader, 1)), 'other partitions continue').toEqual(['x'])
    const next = reader.next()
    expect(await outcome(next, settle)).toBe('pending')
    consumer.seek({ topic: 't', partition: 0, offset: 2n })
    expect(value((await start(next)).value)).toBe('c')
  })

  test('are reported although other partitions always have more records', async () => {
    const [log, other] = scripted.logs
    log!.append(['broken'])
    log!.batches[0]!.bytes[70]! ^= 1
    for (let i = 0; i < 50; i++) other!.append(['x'])
    const reading = take(scripted.consumer().messages(), 40)
    const checked = expect(reading).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE', partition: 0, offset: 0n })
    await start(checked)
  })

  test('are not reported to a reader once a seek has moved beyond them', async () => {
    const [log, other] = scripted.logs
    log!.append(['broken']).append(['c'])
    log!.batches[0]!.bytes[70]! ^= 1
    other!.append(['x'])
    const consumer = scripted.consumer()
    await start(consumer.ready())
    await scripted.runtime.advance(2_000)
    consumer.seek({ topic: 't', partition: 0, offset: 1n })
    const taken = take(consumer.messages(), 2).then((values) => values.sort())
    await start(expect(taken).resolves.toEqual(['c', 'x']))
  })

  test('are delivered without checkCrcs', async () => {
    scripted.log.append(['broken'])
    scripted.log.batches[0]!.bytes[17]! ^= 1
    expect(await start(take(scripted.consumer({ checkCrcs: false }).messages(), 1))).toEqual(['broken'])
  })
})

test('batches with overlapping offsets deliver each offset once, in order', async () => {
  const overlapping = Buffer.concat([batchOf(0, ['a', 'b', 'c']), batchOf(1, ['x', 'y', 'z'])])
  scripted.log.add(0, 4, overlapping)
  const reader = scripted.consumer().messages()
  const offsets: bigint[] = []
  const reading = (async () => {
    for (;;) offsets.push(((await reader.next()).value as Message).offset)
  })()
  expect(await outcome(reading, () => scripted.runtime.advance(2_000))).toBe('pending')
  expect(offsets).toEqual([0n, 1n, 2n, 3n])
})

test('a leader that does not have the epoch of a position moves nothing where nothing was read or the epoch is its own', async () => {
  const { log, peer, runtime } = scripted
  log.append(['a'])
  peer.on(OffsetForLeaderEpoch, ({ body }) => ({
    topics: body.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, errorCode: 0, leaderEpoch: -1, endOffset: -1n })),
    })),
  }))
  const consumer = scripted.consumer()
  const resets: unknown[] = []
  consumer.on('positionReset', (event) => resets.push(event))
  const reader = consumer.messages()
  await start(take(reader, 1))
  const next = reader.next()
  await settle()
  const newEpoch = [0, 1].map(() => ({ leader: 1, leaderEpoch: 1 }))
  peer.topics.set('t', { partitions: newEpoch })
  log.append(['b'], { leaderEpoch: 1 })
  await runtime.advance(20_000)
  expect(peer.requests(OffsetForLeaderEpoch).length).toBeGreaterThan(0)
  expect(value((await next).value)).toBe('b')
  expect(resets.filter((event) => (event as { reason: string }).reason === 'truncated')).toEqual([])
})

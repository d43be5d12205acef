import { afterEach, describe, expect, test } from 'vitest'
import { settle } from '../group/testing/scripted-cluster.ts'
import type { Message } from './message.ts'
import { closeConsumers, consumerOf, outcome, take, value, values } from './testing/consumers.ts'
import { ScriptedKafka } from './testing/scripted-log.ts'

afterEach(async () => expect(await closeConsumers(), 'timers left').toBe(0))

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
    expect(seen).toEqual(['a'])
    const reader = consumer.messages()
    expect(await take(reader, 1), 'other partitions go on').toEqual(['x'])
    const next = reader.next()
    expect(await outcome(next)).toBe('pending')
    consumer.seek({ topic: 't', partition: 0, offset: 2n })
    await kafka.runtime.advance(1_000)
    expect(value((await next).value)).toBe('c')
  })

  test('the error comes though other partitions always have more', async () => {
    const kafka = new ScriptedKafka(2)
    kafka.partitions[0]!.append(['broken'])
    kafka.partitions[0]!.batches[0]!.bytes[70]! ^= 1
    for (let i = 0; i < 50; i++) kafka.partitions[1]!.append(['x'])
    const reader = consumerOf(kafka).messages()
    await expect(take(reader, 40)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE', partition: 0, offset: 0n })
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

  test('a batch that inflates beyond what may be buffered is delivered all the same, and then the next', async () => {
    const kafka = new ScriptedKafka()
    for (let i = 0; i < 5; i++) kafka.partitions[0]!.append(['x'.repeat(50_000)], { gzip: true })
    kafka.partitions[0]!.perFetch = 1
    const reader = consumerOf(kafka, { maxBufferedBytes: 10_000, partitionMaxBytes: 1_000 }).messages()
    const all = take(reader, 5)
    await kafka.runtime.advance(5_000)
    expect(await outcome(all)).toHaveLength(5)
  })

  test('what paused partitions hold does not keep the others from being read', async () => {
    const kafka = new ScriptedKafka(3)
    for (const log of kafka.partitions) {
      for (let i = 0; i < 20; i++) log.append(['x'.repeat(1_000)])
      log.perFetch = 4
    }
    const consumer = consumerOf(kafka, { maxBufferedBytes: 6_000, partitionMaxBytes: 4_000 })
    await consumer.ready()
    await kafka.runtime.advance(100)
    consumer.pause([0, 1].map((partition) => ({ topic: 't', partition })))
    const all = take(consumer.messages(), 20)
    await kafka.runtime.advance(20_000)
    expect(await outcome(all)).toHaveLength(20)
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

import { describe, expect, test } from 'vitest'
import type { Consumer, PartitionReader } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, value, values } from '../support/consuming.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

const twoPartitions = { topics: { t: 2 } }

/** The readers of partitions 0 and 1, in this order; each has a record. */
async function bothOf(consumer: Consumer) {
  const all = consumer.partitionReaders()
  const readers = [(await all.next()).value!, (await all.next()).value!]
  const [zero, one] = readers.sort((a, b) => a.partition - b.partition)
  return { all, zero: zero!, one: one! }
}

async function allOf(reader: PartitionReader): Promise<(string | undefined)[]> {
  const read: (string | undefined)[] = []
  for await (const message of reader) read.push(value(message))
  return read
}

describe('readers of single partitions', () => {
  test('are independent: a slow one does not delay the others', () =>
    onTestkit(twoPartitions, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      for (let i = 0; i < 5; i++) await append(scenario, 1, [String(i)])
      const { zero, one } = await bothOf(consumerOf(scenario))
      expect([zero.topic, zero.partition, one.partition]).toEqual(['t', 0, 1])
      const slow = zero[Symbol.asyncIterator]()
      expect(await take(slow, 1)).toEqual(['a'])
      expect(await take(one[Symbol.asyncIterator](), 5)).toEqual(['0', '1', '2', '3', '4'])
      expect(await take(slow, 1)).toEqual(['b'])
    }))

  test('deliver batches too, and commit what they passed', () =>
    onTestkit(twoPartitions, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['x'])
      const consumer = consumerOf(scenario)
      const { zero, one } = await bothOf(consumer)
      const batches = zero.batches()
      const batch = (await batches.next()).value!
      expect(values([...batch])).toEqual(['a', 'b'])
      await batch.commit()
      const messages = one[Symbol.asyncIterator]()
      expect(await take(messages, 1)).toEqual(['x'])
      await consumer.commit()
      expect([committedAt(scenario, 0), committedAt(scenario, 1)]).toEqual([2, 0])
    }))

  test('left by break give back their item, and the partition follows again', () =>
    onTestkit(twoPartitions, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['x'])
      const { all, zero, one } = await bothOf(consumerOf(scenario))
      for await (const message of zero) if (value(message) === 'b') break
      const again = (await all.next()).value!
      expect(again.partition).toBe(0)
      expect(await take(again[Symbol.asyncIterator](), 1)).toEqual(['b'])
      expect(await take(one[Symbol.asyncIterator](), 1)).toEqual(['x'])
    }))

  test('end when their partition is revoked, after the item in hand', () =>
    onTestkit(twoPartitions, async (scenario) => {
      await append(scenario, 0, ['a'])
      await append(scenario, 1, ['x'])
      const consumer = consumerOf(scenario)
      const { zero, one } = await bothOf(consumer)
      const reads = [allOf(zero), allOf(one)]
      await scenario.advance('1s')
      const signals = [zero.signal, one.signal]
      const other = consumerOf(scenario)
      await other.ready()
      await scenario.advance('1s')
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
      const late = scenario.advance('30s').then(() => 'nothing')
      expect(await Promise.race([Promise.all(reads), late])).toEqual([['a'], ['x']])
      expect([committedAt(scenario, 0), committedAt(scenario, 1)]).toEqual([1, 1])
    }))

  test('end with the consumer, which waits for items in hand', () =>
    onTestkit(twoPartitions, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['x'])
      const consumer = consumerOf(scenario)
      const { all, zero, one } = await bothOf(consumer)
      const messages = zero[Symbol.asyncIterator]()
      expect(await take(messages, 1)).toEqual(['a'])
      const idle = allOf(one)
      await scenario.advance('1s')
      const closing = consumer.close()
      await scenario.advance('1s')
      expect(await messages.next()).toEqual({ value: undefined, done: true })
      await closing
      expect(await all.next()).toEqual({ value: undefined, done: true })
      expect(await idle).toEqual(['x'])
      expect([committedAt(scenario, 0), committedAt(scenario, 1)]).toEqual([1, 1])
    }))

  test('end where reading has an end', () =>
    onTestkit({ topics: { t: 3 } }, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['x'])
      const reads: Promise<unknown>[] = []
      const consumer = scenario.kafka.consumer({ topics: ['t'], from: 'earliest', until: 'end' })
      for await (const reader of consumer.partitionReaders()) reads.push(allOf(reader))
      expect(await Promise.all(reads)).toEqual(expect.arrayContaining([['a', 'b'], ['x']]))
      expect(reads).toHaveLength(2)
    }))

  test('end with the iterator over them, and give back what is in hand', () =>
    onTestkit(twoPartitions, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 1, ['x'])
      const consumer = consumerOf(scenario)
      const { all, zero } = await bothOf(consumer)
      const messages = zero[Symbol.asyncIterator]()
      expect(await take(messages, 1)).toEqual(['a'])
      await all.return()
      expect(await messages.next()).toEqual({ value: undefined, done: true })
      expect((await take(consumer.messages(), 3)).sort()).toEqual(['a', 'b', 'x'])
    }))

  test('of which one fails reject the iterator over them', () =>
    onTestkit(twoPartitions, async (scenario) => {
      await append(scenario, 0, ['a'])
      const consumer = consumerOf(scenario, { maxDecompressedBytes: 5_000 })
      const all = consumer.partitionReaders()
      const reader = (await all.next()).value!
      expect(reader.partition).toBe(0)
      await append(scenario, 1, ['x'.repeat(10_000)], { gzip: true })
      expect(await failure(all.next())).toMatchObject({ code: 'CORRUPT_MESSAGE', partition: 1 })
      expect(await all.next()).toEqual({ value: undefined, done: true })
      expect(await take(consumer.messages(), 1)).toEqual(['a'])
    }))

  test('are one reader of the consumer together, and each is read once', () =>
    onTestkit(twoPartitions, async (scenario) => {
      await append(scenario, 0, ['a'])
      await append(scenario, 1, ['x'])
      const consumer = consumerOf(scenario)
      const { all, zero } = await bothOf(consumer)
      await expect(consumer.poll()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      zero.batches()
      expect(() => zero[Symbol.asyncIterator]()).toThrow('already has an active reader')
      const pending = all.next()
      await expect(all.next()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      await all.return()
      expect(await pending).toEqual({ value: undefined, done: true })
    }))
})

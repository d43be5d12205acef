import { Fetch } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { type EngineBatch, engineOf } from '../../src/engine/index.ts'
import { json, string, topic } from '../../src/index.ts'
import { append, committedAt, consumerOf } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const valuesOf = (batch: EngineBatch): string[] => {
  const values: string[] = []
  batch.forEach((record) => {
    values.push(String(record.value()))
  })
  return values
}

const fetchesAt = (scenario: Scenario) =>
  scenario.seen(Fetch).flatMap(({ body }) => (body.topics ?? []).flatMap(({ partitions }) => partitions))

/** Batches of the log that one fetch brings. */
async function fill(scenario: Scenario, ...batches: string[][]): Promise<void> {
  for (const batch of batches) await append(scenario, 0, batch)
}

async function next(reader: AsyncIterator<EngineBatch, undefined>): Promise<EngineBatch> {
  const { value } = await reader.next()
  if (value === undefined) throw new Error('the reader has ended')
  return value
}

describe('a batch', () => {
  test('contains several record batches of the log, in order, with the fields of each record', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a', 'b'], ['c'], ['d'])
      const batch = await next(engineOf(consumerOf(scenario)).batches())
      expect(batch).toMatchObject({ topic: 't', partition: 0, firstOffset: 0, lastOffset: 3, recordCount: 4 })
      const seen: unknown[] = []
      batch.forEach((record) => {
        const { offset, timestamp, leaderEpoch, buffer, keyStart, keyLength, valueStart, valueLength } = record
        const key = buffer.toString('utf8', keyStart, keyStart + keyLength)
        const value = buffer.toString('utf8', valueStart, valueStart + valueLength)
        seen.push([offset, timestamp, leaderEpoch, key, value, String(record.key()), record.headers()])
      })
      const epoch = scenario.cluster.partition('t', 0).leaderEpoch
      expect(seen[0]).toEqual([0, 1000, epoch, 'ka', 'a', 'ka', []])
      expect(seen.map((record) => (record as unknown[])[4])).toEqual(['a', 'b', 'c', 'd'])
      expect(batch.highWatermark).toBe(4)
    }))

  test('of compressed record batches has their decompressed records', () =>
    onTestkit({}, async (scenario) => {
      for (const values of [['a', 'b'], ['c']]) await append(scenario, 0, values, { gzip: true })
      const reader = engineOf(consumerOf(scenario)).batches()
      const seen: string[] = []
      while (seen.length < 3) seen.push(...valuesOf(await next(reader)))
      expect(seen).toEqual(['a', 'b', 'c'])
    }))

  test('has at most maxBatchBytes, but always one record batch', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a'.repeat(500)], ['b'], ['c'])
      const reader = engineOf(consumerOf(scenario)).batches({ maxBatchBytes: 200 })
      const sizes: number[][] = []
      for (const _ of [1, 2]) {
        const batch = await next(reader)
        sizes.push([batch.recordCount, batch.sizeBytes])
      }
      expect(sizes.map(([count]) => count)).toEqual([1, 2])
      expect(sizes[1]?.[1]).toBeLessThanOrEqual(200)
    }))

  test('is processed when the next one is requested; break puts it back', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a'], ['b'])
      const consumer = consumerOf(scenario)
      const engine = engineOf(consumer)
      for await (const batch of engine.batches({ maxBatchBytes: 1 })) if (valuesOf(batch).includes('b')) break
      await consumer.commit()
      expect(committedAt(scenario)).toBe(1)
      expect(valuesOf(await next(engine.batches()))).toEqual(['b'])
    }))

  test("in mode 'manual' is processed as far as done says", () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a', 'b'], ['c', 'd'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      const reader = engineOf(consumer).batches()
      const batch = await next(reader)
      batch.done(3n)
      await consumer.commit()
      expect(committedAt(scenario)).toBe(3)
      batch.done()
      await consumer.commit()
      expect(committedAt(scenario)).toBe(4)
    }))

  test('lends its bytes until it is settled', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a', 'b'])
      const reader = engineOf(consumerOf(scenario)).batches()
      const batch = await next(reader)
      const records = batch.records()
      expect(() => records.offset).toThrow('The cursor is at no record')
      expect(records.next()).toBe(true)
      await reader.return()
      const settled = 'The batch is settled: its bytes are no longer lent'
      expect(() => records.next()).toThrow(settled)
      expect(() => batch.records()).toThrow(settled)
      expect(() => batch.putBack()).toThrow(settled)
      expect(() => batch.done()).toThrow(settled)
    }))

  test('that was revoked or repositioned is not current, and can no longer be marked', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a'], ['b'])
      const consumer = consumerOf(scenario)
      const reader = engineOf(consumer).batches()
      const batch = await next(reader)
      expect(batch.isCurrent).toBe(true)
      consumer.seek({ topic: 't', partition: 0, offset: 1 })
      expect(batch.isCurrent).toBe(false)
      expect(() => batch.done()).toThrow('the partition was revoked or repositioned')
      batch.putBack(1)
      expect(valuesOf(await next(reader))).toEqual(['b'])
    }))
})

describe('putBack', () => {
  test('delivers the rest again from the same bytes, without another fetch of them', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a', 'b'], ['c', 'd'], ['e'])
      const consumer = consumerOf(scenario)
      const reader = engineOf(consumer).batches()
      const seen: string[][] = []
      for (const from of [3, 4, undefined]) {
        const batch = await next(reader)
        seen.push(valuesOf(batch))
        if (from !== undefined) batch.putBack(from)
      }
      expect(seen).toEqual([['a', 'b', 'c', 'd', 'e'], ['d', 'e'], ['e']])
      await reader.return()
      await consumer.commit()
      expect(committedAt(scenario)).toBe(4)
      await scenario.advance('5s')
      const offsets = fetchesAt(scenario).map(({ fetchOffset }) => Number(fetchOffset))
      expect(offsets.filter((offset) => offset > 0 && offset < 5)).toEqual([])
    }))

  test('without an offset returns what is not marked', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a', 'b'], ['c'])
      const reader = engineOf(consumerOf(scenario)).batches()
      const batch = await next(reader)
      batch.done(1)
      batch.putBack()
      expect(valuesOf(await next(reader))).toEqual(['b', 'c'])
    }))

  test('waits while the partition is paused, and its bytes are kept', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a', 'b'], ['c'])
      const consumer = consumerOf(scenario)
      const reader = engineOf(consumer).batches()
      const batch = await next(reader)
      consumer.pause([{ topic: 't', partition: 0 }])
      batch.putBack(1)
      const again = next(reader)
      await scenario.advance('10s')
      consumer.resume([{ topic: 't', partition: 0 }])
      expect(valuesOf(await again)).toEqual(['b', 'c'])
      expect(fetchesAt(scenario).filter(({ fetchOffset }) => fetchOffset === 1n)).toEqual([])
    }))

  test.each([-1, 3, 1.5])('at %s is refused, and settles nothing', (offset) =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a', 'b'])
      const batch = await next(engineOf(consumerOf(scenario)).batches())
      expect(() => batch.putBack(offset)).toThrow(
        `Offset ${offset} in batch.putBack() is not in the batch (topic 't', partition 0), which has the offsets 0 to 1`,
      )
      expect(valuesOf(batch)).toEqual(['a', 'b'])
    }),
  )
})

describe('loops of one engine', () => {
  test('share the partitions: each batch is of another partition, and each in order', () =>
    onTestkit({ topics: { t: 3 } }, async (scenario) => {
      const expected: Record<number, string[]> = { 0: [], 1: [], 2: [] }
      for (let i = 0; i < 12; i++) {
        await append(scenario, i % 3, [String(i)])
        expected[i % 3]?.push(String(i))
      }
      const consumer = consumerOf(scenario)
      const engine = engineOf(consumer)
      const seen: Record<number, string[]> = { 0: [], 1: [], 2: [] }
      const inHand = new Set<number>()
      let most = 0
      let count = 0
      const loop = async () => {
        for await (const batch of engine.batches({ maxBatchBytes: 1 })) {
          expect(inHand).not.toContain(batch.partition)
          inHand.add(batch.partition)
          most = Math.max(most, inHand.size)
          await scenario.advance(5)
          seen[batch.partition]?.push(...valuesOf(batch))
          inHand.delete(batch.partition)
          if (++count === 12) void consumer.close()
        }
      }
      await Promise.all([loop(), loop(), loop()])
      expect(seen).toEqual(expected)
      expect(most).toBeGreaterThan(1)
    }))

  test('exclude the readers of the consumer, until the last one ends', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a'])
      const consumer = consumerOf(scenario)
      const engine = engineOf(consumer)
      const [first, second] = [engine.batches(), engine.batches()]
      await next(first)
      const pending = second.next()
      await scenario.advance('1s')
      await first.return()
      await expect(consumer.messages().next()).rejects.toMatchObject({ code: 'CONSUMER_BUSY' })
      expect(valuesOf((await pending).value!)).toEqual(['a'])
      await second.return()
      expect((await consumer.messages().next()).value?.offset).toBe(0n)
    }))

  test('end at close and at their own signal', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario)
      const engine = engineOf(consumer)
      const stop = new AbortController()
      const stopped = engine.batches({ signal: stop.signal }).next()
      const other = engine.batches().next()
      await scenario.advance('1s')
      stop.abort()
      await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' })
      await consumer.close()
      expect(await other).toEqual({ value: undefined, done: true })
    }))
})

describe('the watchdog', () => {
  test('waits for a long handler that reports progress, and not for one that does not', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, ['a'])
      const consumer = consumerOf(scenario, { maxProcessingMs: 10_000 })
      const engine = engineOf(consumer)
      const stalled: number[] = []
      consumer.on('stalled', () => stalled.push(scenario.nowMs))
      const batch = await next(engine.batches())
      for (let i = 0; i < 20; i++) {
        await scenario.advance('5s')
        if (i % 2 === 0) batch.progress()
        else engine.progress()
      }
      expect(stalled).toEqual([])
      expect(batch.signal.aborted).toBe(false)
      await scenario.advance('15s')
      expect(stalled).toHaveLength(1)
      expect(batch.signal.aborted).toBe(true)
    }))
})

describe('engineOf', () => {
  test('returns the same engine, and refuses what is no consumer of bytes', () =>
    onTestkit({}, async (scenario) => {
      const consumer = consumerOf(scenario)
      expect(engineOf(consumer)).toBe(engineOf(consumer))
      expect(() => engineOf({} as never)).toThrow('The argument of engineOf() is no consumer of this package')
      const typed = scenario.kafka.consumer({ groupId: 'g', topics: topic('t', { key: string(), value: json() }) })
      expect(() => engineOf(typed)).toThrow('An engine reads bytes, but the consumer has typed topics')
      expect(() => engineOf(consumer).batches({ maxBatchBytes: 0 })).toThrow("Option 'maxBatchBytes'")
      expect(() => engineOf(consumer).batches({ maxBytes: 1 } as object)).toThrow('does not exist')
    }))
})

import { describe, expect, test } from 'vitest'
import { createByteBudget, engineOf } from '../../src/engine/index.ts'
import type { ByteBudget, Consumer, ConsumerOptions } from '../../src/index.ts'
import { append } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

const kibibyte = 1024
const recordBytes = 4 * kibibyte
const recordCount = 100
const maxBytes = 160 * kibibyte

/** Each partition has 400 KiB, in record batches of 4. */
async function filled(scenario: Scenario, partitions: number, gzip = false): Promise<void> {
  const half = recordBytes / 2
  for (let partition = 0; partition < partitions; partition++) {
    for (let i = 0; i < recordCount; i++) {
      // Random digits keep half of their size when they are compressed.
      const value = Array.from({ length: half }, (_, j) => ((i * 7919 + j * j * 31) % 97) + 10).join('')
      await append(scenario, partition, [value], { gzip })
    }
  }
}

const consumer = (
  scenario: Scenario,
  fetchBudget: ByteBudget,
  partition: number,
  options: Partial<ConsumerOptions> = {},
) =>
  scenario.kafka.consumer({
    assign: [{ topic: 't', partition, offset: 'earliest' }],
    partitionMaxBytes: 16 * kibibyte,
    fetchBudget,
    ...options,
  })

async function readAll(reading: Consumer, partitions = 1, each: () => unknown = () => {}): Promise<number> {
  let count = 0
  for await (const batch of engineOf(reading).batches({ maxBatchBytes: 1 })) {
    count += batch.recordCount
    await each()
    if (count === partitions * recordCount) return count
  }
  return count
}

describe('consumers that share a budget', () => {
  test.each([false, true])('hold at most as much together, and each reads everything (gzip: %s)', (gzip) =>
    onTestkit({ topics: { t: 4 } }, async (scenario) => {
      await filled(scenario, 4, gzip)
      const budget = createByteBudget({ maxBytes })
      let most = 0
      const consumers = [0, 1, 2, 3].map((partition) => consumer(scenario, budget, partition))
      const slowly = async () => {
        most = Math.max(most, budget.heldBytes)
        await scenario.advance(20)
      }
      const counts = await Promise.all(consumers.map((reading) => readAll(reading, 1, slowly)))
      expect(counts).toEqual([recordCount, recordCount, recordCount, recordCount])
      expect(most).toBeGreaterThan(maxBytes / 3)
      expect(most).toBeLessThanOrEqual(maxBytes)
      await Promise.all(consumers.map((one) => one.close()))
      expect(budget.heldBytes).toBe(0)
      expect(budget.consumerCount).toBe(0)
    }),
  )

  test('a consumer whose handler hangs keeps at most its own part and the common half: the other reads everything', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await filled(scenario, 2)
      const budget = createByteBudget({ maxBytes })
      const [slow, fast] = [consumer(scenario, budget, 0), consumer(scenario, budget, 1)]
      await Promise.all([slow.ready(), fast.ready()])
      await engineOf(slow).batches({ maxBatchBytes: 1 }).next()
      await scenario.advance('10s')
      const slowBytes = budget.heldBytes
      expect(slowBytes).toBeGreaterThan(maxBytes / 2)
      let most = 0
      expect(await readAll(fast, 1, () => (most = Math.max(most, budget.heldBytes)))).toBe(recordCount)
      expect(most).toBeLessThanOrEqual(maxBytes)
    }))

  test('one that was alone gives back what exceeds its part when another starts', () =>
    onTestkit({ topics: { t: 5 } }, async (scenario) => {
      await filled(scenario, 5)
      const budget = createByteBudget({ maxBytes })
      const assign = [0, 1, 2, 3].map((partition) => ({ topic: 't', partition, offset: 'earliest' as const }))
      const first = consumer(scenario, budget, 0, { assign })
      await first.ready()
      await scenario.advance('10s')
      expect(budget.heldBytes).toBeGreaterThan(maxBytes * 0.75)
      const second = consumer(scenario, budget, 4)
      await second.ready()
      await scenario.advance('10s')
      expect(budget.consumerCount).toBe(2)
      expect(budget.heldBytes).toBeLessThanOrEqual(maxBytes)
      expect(await readAll(second)).toBe(recordCount)
      expect(await readAll(first, 4)).toBe(4 * recordCount)
    }))

  test('paused partitions keep no more than the part of their consumer', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await filled(scenario, 2)
      const budget = createByteBudget({ maxBytes })
      const paused = consumer(scenario, budget, 0)
      const other = consumer(scenario, budget, 1)
      await paused.ready()
      await scenario.advance('10s')
      paused.pause([{ topic: 't', partition: 0 }])
      await other.ready()
      await scenario.advance('10s')
      expect(await readAll(other)).toBe(recordCount)
      await other.close()
      expect(budget.heldBytes).toBeLessThanOrEqual(maxBytes / 4)
    }))

  test('a closed consumer gives its bytes back, and the others use them', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await filled(scenario, 2)
      const budget = createByteBudget({ maxBytes })
      const consumers = [0, 1].map((partition) => consumer(scenario, budget, partition))
      await Promise.all(consumers.map((one) => one.ready()))
      await scenario.advance('10s')
      await consumers[0]?.close()
      await scenario.advance('10s')
      expect(budget.consumerCount).toBe(1)
      expect(budget.heldBytes).toBeGreaterThan(maxBytes * 0.45)
      expect(budget.heldBytes).toBeLessThanOrEqual(maxBytes)
    }))

  test('a record batch larger than the budget is nevertheless delivered to each', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await filled(scenario, 2)
      const budget = createByteBudget({ maxBytes: 1 })
      const counts = [0, 1].map((partition) => readAll(consumer(scenario, budget, partition)))
      expect(await Promise.all(counts)).toEqual([recordCount, recordCount])
    }))
})

describe('the option fetchBudget', () => {
  test('is a budget, and excludes maxBufferedBytes', () =>
    onTestkit({}, async ({ kafka }) => {
      const assign = [{ topic: 't', partition: 0 }]
      const must = "Option 'fetchBudget' of kafka.consumer() must be a budget of createByteBudget()"
      expect(() => kafka.consumer({ assign, fetchBudget: { maxBytes: 5 } as never })).toThrow(must)
      const both = { assign, fetchBudget: createByteBudget(), maxBufferedBytes: 5 }
      expect(() => kafka.consumer(both)).toThrow('exclude each other')
      expect(() => createByteBudget({ maxBytes: 0 })).toThrow("Option 'maxBytes' of createByteBudget()")
    }))
})

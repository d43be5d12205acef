import { describe, expect, test } from 'vitest'
import { append, consumerOf } from '../support/consuming.ts'
import { onTestkit } from '../support/on-testkit.ts'

const large = 'x'.repeat(400_000)
const others = [0, 1, 2, 3, 4, 5, 6].map((partition) => ({ topic: 't', partition }))

describe('partitions that deliver nothing for now', () => {
  test.each([true, false])('do not keep another one from being read (compressed: %s)', (gzip) =>
    onTestkit({ topics: { t: 8 } }, async (scenario) => {
      for (const { partition } of others) await append(scenario, partition, [large], { gzip })
      const consumer = consumerOf(scenario, { maxBufferedBytes: 1 << 20, partitionMaxBytes: 1 << 16 })
      await consumer.ready()
      await scenario.advance('5s')
      consumer.pause(others)
      const seen: number[] = []
      void consumer.run({ each: ({ partition }) => void seen.push(partition) })
      await append(scenario, 7, ['a'], { gzip })
      await scenario.advance('2s')
      await append(scenario, 7, ['b'], { gzip })
      await scenario.advance('2s')
      expect(seen).toEqual([7, 7])
      consumer.resume(others)
      await scenario.advance('2s')
      expect(seen.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 7])
    }),
  )

  test('do not, when the response to a fetch from before the pause fills the budget', () =>
    onTestkit({ topics: { t: 8 } }, async (scenario) => {
      for (const { partition } of others) await append(scenario, partition, [large])
      const consumer = consumerOf(scenario, { maxBufferedBytes: 1 << 20, partitionMaxBytes: 1 << 20 })
      scenario.fault('Fetch', { delay: '3s' }, 'once')
      await consumer.ready()
      consumer.pause(others)
      const seen: number[] = []
      void consumer.run({ each: ({ partition }) => void seen.push(partition) })
      await scenario.advance('5s')
      await append(scenario, 7, ['a'])
      await scenario.advance('5s')
      expect(seen).toEqual([7])
      consumer.resume(others)
      await scenario.advance('5s')
      expect(seen.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    }))
})

import { describe, expect, test } from 'vitest'
import { findings } from '../chaos-findings.ts'
import { ProcessorWorld } from './world.ts'

/** The seeds that CI runs; `npm run chaos -- exactly-once` runs any number. */
const blocks = [
  [1, 10],
  [11, 20],
  [21, 30],
] as const

describe('transactional processors under chaos', () => {
  test.each(blocks)(
    'have each input in one committed output, and come to rest, seeds %i to %i',
    { timeout: 240_000 },
    async (first, last) => {
      const { found } = await findings(first, last, (seed) => ProcessorWorld.run({ seed }))
      expect(found).toEqual([])
    },
  )

  test('meet brokers that die, processes that crash, partitions that are added, and handlers that fail', {
    timeout: 120_000,
  }, async () => {
    const features = ['handler error', 'crash', 'zombie', 'partitions added', 'restarts', 'aborted inputs'] as const
    const { found, counts } = await findings(1, 4, (seed) => ProcessorWorld.run({ seed, features }))
    expect(found).toEqual([])
    for (const occurs of ['handler error', 'crash', 'zombie', 'partitions added', 'broker killed', 'input aborted']) {
      expect(counts.get(occurs) ?? 0, occurs).toBeGreaterThan(0)
    }
  })

  test('a seed reproduces the whole run', { timeout: 60_000 }, async () => {
    const [first, second] = [await ProcessorWorld.run({ seed: 7 }), await ProcessorWorld.run({ seed: 7 })]
    expect(second).toEqual(first)
  })
})

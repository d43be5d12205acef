import { describe, expect, test } from 'vitest'
import { findings, seedBlocks } from '../chaos-findings.ts'
import { dimensions } from './dimensions.ts'
import { ProducerWorld } from './world.ts'

describe('producers under chaos', () => {
  test.each(seedBlocks(300))(
    'settle each record once and as the logs have it, seeds %i to %i',
    { timeout: 120_000 },
    async (first = 0, last = 0) => {
      const { found } = await findings(first, last, (seed) => ProducerWorld.run({ seed }))
      expect(found).toEqual([])
    },
  )

  test('a seed reproduces the whole run', async () => {
    const [first, second, other] = [
      await ProducerWorld.run({ seed: 7 }),
      await ProducerWorld.run({ seed: 7 }),
      await ProducerWorld.run({ seed: 8 }),
    ]
    expect(second).toEqual(first)
    expect(other.hash).not.toBe(first.hash)
  })
})

const seedsADimension = 4

describe('the log oracle', () => {
  test.each(dimensions)('finds bugs in %s', { timeout: 60_000 }, async (_, occurs, options) => {
    const { found, counts } = await findings(1, seedsADimension, (seed) => ProducerWorld.run({ ...options, seed }))
    expect(found).toEqual([])
    for (const dimension of occurs) expect(counts.get(dimension) ?? 0, dimension).toBeGreaterThan(0)
  })
})

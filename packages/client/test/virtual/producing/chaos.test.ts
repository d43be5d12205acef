import { describe, expect, test } from 'vitest'
import { dimensions } from './dimensions.ts'
import type { ProducerChaosOptions } from './plan.ts'
import { ProducerWorld } from './world.ts'

const seedsOfCi = 300
const seedsABlock = 50
const blocks = Array.from({ length: seedsOfCi / seedsABlock }, (_, at) => [
  at * seedsABlock + 1,
  (at + 1) * seedsABlock,
])

/** The findings of these seeds, and how often each dimension occurred. */
async function findings(first: number, last: number, options: Omit<ProducerChaosOptions, 'seed'> = {}) {
  const found: string[] = []
  const counts = new Map<string, number>()
  for (let seed = first; seed <= last; seed++) {
    const { violations, stalls, counts: more } = await ProducerWorld.run({ ...options, seed })
    found.push(...violations.slice(0, 1), ...stalls.slice(0, 1))
    for (const [dimension, times] of Object.entries(more)) counts.set(dimension, (counts.get(dimension) ?? 0) + times)
  }
  return { found, counts }
}

describe('producers under chaos', () => {
  test.each(blocks)(
    'settle each record once and as the logs have it, seeds %i to %i',
    { timeout: 120_000 },
    async (first = 0, last = 0) => {
      const { found } = await findings(first, last)
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
    const { found, counts } = await findings(1, seedsADimension, options)
    expect(found).toEqual([])
    for (const dimension of occurs) expect(counts.get(dimension) ?? 0, dimension).toBeGreaterThan(0)
  })
})

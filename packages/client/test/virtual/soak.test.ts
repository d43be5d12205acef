import { expect, test } from 'vitest'
import { SoakWorld } from './soak-world.ts'

/** `npm run soak -- testkit` sets these. */
const { SOAK_HOURS, SOAK_SEED, SOAK_SEEDS } = process.env
const hours = Number(SOAK_HOURS ?? 1)
const firstSeed = Number(SOAK_SEED ?? 1)
const seeds = Array.from({ length: Number(SOAK_SEEDS ?? 2) }, (_, at) => firstSeed + at)

/** Maximum growth of the heap between a quarter of the time and its end. */
const maxGrowthMb = 20

test.each(seeds)(
  `loses nothing and leaves nothing in ${hours} hours of faults, seed %i`,
  { timeout: 60_000 + hours * 120_000 },
  async (seed) => {
    const report = await SoakWorld.run({ seed, hours })
    if (SOAK_HOURS !== undefined) console.log(JSON.stringify(report))
    expect(report.acknowledged).toBeGreaterThan(hours * 500)
    expect(report.delivered).toBeGreaterThanOrEqual(report.acknowledged)
    expect(Object.keys(report.faults).length).toBeGreaterThan(5)
    expect(report.heapMb[1] - report.heapMb[0]).toBeLessThan(maxGrowthMb)
  },
)

import { expect, test } from 'vitest'
import { ChaosWorld } from './chaos-world.ts'

test('one', async () => {
  const began = Date.now()
  for (let seed = 1; seed <= 5; seed++) {
    const report = await ChaosWorld.run({ seed })
    console.log(
      seed,
      Date.now() - began,
      report.virtualMs,
      report.hash,
      report.violations.length,
      report.stalls.length,
      report.counts,
    )
    for (const one of [...report.violations.slice(0, 1), ...report.stalls.slice(0, 1)]) console.log(one)
  }
  expect(1).toBe(1)
}, 100_000)

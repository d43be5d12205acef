import { expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'

// A short run for each change; `npm run fuzz -- codec --runs 1000000` is the long one.
test('corrupted bytes end in DecodeError within bounded time and memory', async () => {
  const { tallies, failures } = await fuzz({ runs: 4000, seed: 1 })
  expect(failures).toEqual([])
  // A target that is always rejected, or never, tests little.
  for (const [name, { runs, refused }] of tallies) {
    if (name !== 'bombs') expect([refused > runs / 20, refused < runs], name).toEqual([true, true])
  }
})

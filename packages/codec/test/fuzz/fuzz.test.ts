import { expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'

// A short one for each change; `pnpm fuzz codec --runs 1000000` is the long one.
test('spoilt bytes end in DecodeError, in little time and memory', async () => {
  const { tallies, failures } = await fuzz({ runs: 4000, seed: 1 })
  expect(failures).toEqual([])
  // What is only ever refused, or only ever read, tests little.
  for (const [name, { runs, refused }] of tallies) {
    if (name !== 'bombs') expect([refused > runs / 20, refused < runs], name).toEqual([true, true])
  }
})

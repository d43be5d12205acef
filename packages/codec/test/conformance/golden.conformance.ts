// What Kafka's classes print now is what test/golden holds. UPDATE_GOLDEN=1 writes it there.
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { golden, java } from './java.ts'

const files = [
  ['ErrorFacts', 'errors.tsv'],
  ['GoldenBatches', 'batches.tsv'],
  ['GoldenFrames', 'frames.tsv'],
] as const

test.each(files)('%s', (program, file) => {
  const printed = java(program)
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden(file), printed)
  expect(readFileSync(golden(file), 'utf8')).toBe(printed)
})

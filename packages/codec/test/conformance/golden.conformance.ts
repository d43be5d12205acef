// What Kafka's classes print now is what test/golden holds. UPDATE_GOLDEN=1 writes it there.
import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { golden, java } from './java.ts'

const files = [
  ['ErrorFacts', 'errors.tsv'],
  ['GoldenBatches', 'batches.tsv'],
  ['GoldenCompressed', 'compressed.tsv.gz'],
  ['GoldenFrames', 'frames.tsv'],
] as const

test.each(files)('%s', (program, file) => {
  const printed = java(program)
  const isPacked = file.endsWith('.gz')
  if (process.env.UPDATE_GOLDEN === '1') {
    writeFileSync(golden(file), isPacked ? gzipSync(printed, { level: 9 }) : printed)
  }
  const kept = readFileSync(golden(file))
  // Not by `toBe`: of texts so long it would show the difference for minutes.
  expect((isPacked ? gunzipSync(kept) : kept).toString() === printed).toBe(true)
})

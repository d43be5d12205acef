// The output of Kafka's classes equals the files in test/golden. UPDATE_GOLDEN=1 rewrites them.
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
  // Not by `toBe`, which needs minutes to print the difference of long texts.
  expect((isPacked ? gunzipSync(kept) : kept).toString() === printed).toBe(true)
})

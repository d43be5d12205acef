import { readFileSync } from 'node:fs'
import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { LogScript } from './log-script.ts'
import { parseLines } from './recorder.ts'

/** The same logs on Apache Kafka 4.3.1 after retention and compaction. */
const golden = parseLines(readFileSync(new URL('./logs.kafka-4.3.1.ndjson', import.meta.url), 'utf8'))

test('retention, DeleteRecords and compaction keep the same records as Kafka 4.3.1', async () => {
  await using cluster = await createCluster({ brokers: 1, listen: true })
  const upkeep = async () => {
    cluster.applyRetention()
    await cluster.compact()
  }
  const lines = await LogScript.play(cluster.bootstrap[0] ?? '', cluster.clock.now(), upkeep)
  for (const [index, line] of golden.entries()) expect(lines[index], line.step).toEqual(line)
  expect(lines).toHaveLength(golden.length)
})

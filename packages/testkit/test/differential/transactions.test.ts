import { readFileSync } from 'node:fs'
import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { parseLines } from './recorder.ts'
import { TransactionScript } from './transaction-script.ts'

/** What Apache Kafka 4.3.1 answered to the same requests, as a cluster of one broker. */
const golden = parseLines(readFileSync(new URL('./transactions.kafka-4.3.1.ndjson', import.meta.url), 'utf8'))

test('requests about transactions are answered, and written to the log, as by Kafka 4.3.1', async () => {
  await using cluster = await createCluster({ brokers: 1, listen: true })
  const lines = await TransactionScript.play(cluster.bootstrap[0] ?? '', 'run')
  expect(lines.map(({ step }) => step)).toEqual(golden.map(({ step }) => step))
  for (const [index, line] of lines.entries()) expect(line, line.step).toEqual(golden[index])
})

import { readFileSync } from 'node:fs'
import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { parseLines } from './recorder.ts'
import { TransactionScript } from './transaction-script.ts'

/** The responses of a cluster of Apache Kafka 4.3.1 with one broker to the same requests. */
const golden = parseLines(readFileSync(new URL('./transactions.kafka-4.3.1.ndjson', import.meta.url), 'utf8'))

test('responds to requests about transactions, and writes them to the log, like Kafka 4.3.1', async () => {
  await using cluster = await createCluster({ brokers: 1, listen: true })
  const lines = await TransactionScript.play(cluster.bootstrap[0] ?? '', 'run')
  expect(lines.map(({ step }) => step)).toEqual(golden.map(({ step }) => step))
  for (const [index, line] of lines.entries()) expect(line, line.step).toEqual(golden[index])
})

import { readFileSync } from 'node:fs'
import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { parseLines } from './recorder.ts'
import { TopicScript } from './topic-script.ts'

/** The responses of Apache Kafka 4.3.1 to the same requests; `differential.kafka.test.ts` compares them again. */
const golden = parseLines(readFileSync(new URL('./topics.kafka-4.3.1.ndjson', import.meta.url), 'utf8'))

test('responds to requests about topics and records like Kafka 4.3.1, in all versions', async () => {
  await using cluster = await createCluster({ listen: true })
  const lines = await TopicScript.play(cluster.bootstrap[0] ?? '', 'run')
  expect(lines.map(({ step }) => step)).toEqual(golden.map(({ step }) => step))
  for (const [index, line] of lines.entries()) expect(line, line.step).toEqual(golden[index])
})

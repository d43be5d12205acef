import { readFileSync } from 'node:fs'
import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { GroupScript } from './group-script.ts'
import { parseLines } from './recorder.ts'

/** The responses of Apache Kafka 4.3.1 to the same requests; `differential.kafka.test.ts` compares them again. */
const golden = parseLines(readFileSync(new URL('./groups.kafka-4.3.1.ndjson', import.meta.url), 'utf8'))

test('responds to requests about groups like Kafka 4.3.1, in all versions', async () => {
  await using cluster = await createCluster({
    listen: true,
    config: { 'group.min.session.timeout.ms': 6000, 'default.replication.factor': 3 },
  })
  const lines = await new GroupScript(cluster.bootstrap[0] ?? '', 'run').play()
  expect(lines.map(({ step }) => step)).toEqual(golden.map(({ step }) => step))
  for (const [index, line] of lines.entries()) expect(line, line.step).toEqual(golden[index])
})

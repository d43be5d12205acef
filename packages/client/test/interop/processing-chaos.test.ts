import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { distribution, spawnJava } from '../../../../tools/kafka/index.mjs'
import { startBroker, stopBroker } from '../support/real-kafka.ts'
import { onRealKafka } from '../support/real-target.ts'
import { processorChaos } from './processing/chaos.ts'

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))

onRealKafka('transactional processors while processes and brokers are killed', (real) => {
  test('write each input exactly once, as Java reads it with read_committed', { timeout: 600_000 }, async () => {
    const java = await distribution()
    const report = await processorChaos({
      bootstrap: real().target.bootstrap,
      brokers: { stop: stopBroker, start: startBroker },
      spawnJava: (args) => spawnJava(java, args),
      javaSource: pathOf('./java/Interop.java'),
      program: pathOf('./processing/processor-program.mjs'),
      seconds: 20,
      seed: 1,
      recordsPerSecond: 200,
      log: () => {},
    })
    expect(report.problems).toEqual([])
    expect(report.inputs).toBeGreaterThan(500)
    expect(report.kills).toBeGreaterThan(0)
    expect(report.brokerKills).toBeGreaterThan(0)
  })
})

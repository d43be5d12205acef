import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { distribution, spawnJava } from '../../../../tools/kafka/index.mjs'
import { startBroker, stopBroker } from '../support/real-kafka.ts'
import { onRealKafka } from '../support/real-target.ts'
import { producerChaos } from './producing/chaos.ts'

onRealKafka('producers while brokers are killed and leaders move', (real) => {
  test('lose, repeat and reorder nothing, as Java reads the topic', { timeout: 600_000 }, async () => {
    const java = await distribution()
    const report = await producerChaos({
      bootstrap: real().target.bootstrap,
      brokers: { stop: stopBroker, start: startBroker },
      spawnJava: (args) => spawnJava(java, args),
      javaSource: fileURLToPath(new URL('./java/Interop.java', import.meta.url)),
      seconds: 20,
      seed: 1,
      recordsPerSecond: 1_500,
      log: () => {},
    })
    expect(report.problems).toEqual([])
    expect(report.acknowledged).toBeGreaterThan(1_000)
    expect(report.kills).toBeGreaterThan(0)
  })
})

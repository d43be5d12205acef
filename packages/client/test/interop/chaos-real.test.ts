import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { distribution, spawnJava } from '../../../../tools/kafka/index.mjs'
import { startBroker, stopBroker } from '../support/real-kafka.ts'
import { onRealKafka } from '../support/real-target.ts'
import { chaos } from './chaos/chaos.ts'

onRealKafka('members of ottla and Java in the same groups, while brokers are killed', (real) => {
  test('skip nothing and commit only what they own and have handled', { timeout: 600_000 }, async () => {
    const java = await distribution()
    const report = await chaos({
      bootstrap: real().target.bootstrap,
      brokers: { stop: stopBroker, start: startBroker },
      spawnJava: (args) => spawnJava(java, args),
      peerSource: fileURLToPath(new URL('./java/Peer.java', import.meta.url)),
      seconds: Number(process.env.OTTLA_CHAOS_SECONDS ?? 20),
      seed: 1,
      log: (line) => process.env.OTTLA_CHAOS_SECONDS && process.stdout.write(`${line}\n`),
    })
    expect(report.problems).toEqual([])
    expect(report.acknowledged).toBeGreaterThan(100)
    expect(report.byJava).toBeGreaterThan(0)
    expect(report.kills).toBeGreaterThan(0)
  })
})

// `npm run chaos:real -- [--minutes N] [--seed N]`: ottla and Java's consumer in the same groups on a real Kafka of three
// brokers, which are killed and restarted. The last line is a summary.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { distribution, spawnJava, startKafka } from '../tools/kafka/index.mjs'
import { root } from './lib/npx.mjs'
import { importTypeScript } from './lib/run-typescript.mjs'

/** @typedef {import('../packages/client/test/interop/chaos/chaos.ts')} Chaos */

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
})
const minutes = Number(values.minutes)
const seed = Number(values.seed)
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error('usage: npm run chaos:real -- [--minutes 10] [--seed 1]')
  process.exit(2)
}

const client = join(root, 'packages/client')
const { chaos } = /** @type {Chaos} */ (await importTypeScript(client, 'test/interop/chaos/chaos.ts'))
const java = await distribution()
const kafka = await startKafka({ log: (line) => console.log(line) })
try {
  const report = await chaos({
    bootstrap: kafka.bootstrap,
    brokers: kafka,
    spawnJava: (args) => spawnJava(java, args),
    peerSource: join(client, 'test/interop/java/Peer.java'),
    seconds: minutes * 60,
    seed,
    log: (line) => console.log(line),
  })
  for (const problem of report.problems.slice(0, 50)) console.log(problem)
  console.log(`seed ${seed}: ${report.summary}`)
  process.exitCode = report.problems.length === 0 ? 0 : 1
} finally {
  await kafka.close()
}

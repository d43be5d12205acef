// `npm run chaos:real -- [consumer|producer|exactly-once] [--minutes N] [--seed N]`, also `npm run chaos -- producer --real`: a real Kafka of three
// brokers, which are killed and restarted. consumer: ottla and Java's consumer in the same groups. producer: what producers
// report, against the log as Java's consumer reads it. exactly-once: transactional processors as processes, which are killed too; Java's
// consumer must find each input once. The last line is a summary.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { distribution, spawnJava, startKafka } from '../tools/kafka/index.mjs'
import { root } from './lib/npx.mjs'
import { importTypeScript } from './lib/run-typescript.mjs'

/** @typedef {import('../packages/client/test/interop/chaos/chaos.ts')} Chaos */
/** @typedef {import('../packages/client/test/interop/producing/chaos.ts')} ProducerChaos */
/** @typedef {import('../packages/client/test/interop/processing/chaos.ts')} ProcessorChaos */

const usage = 'usage: npm run chaos:real -- [consumer|producer|exactly-once] [--minutes 10] [--seed 1] [--rate 6000]'
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    /** producer and exactly-once: records per second. Default 6000, and 500 where each is read and written again. */
    rate: { type: 'string' },
    real: { type: 'boolean', default: true },
  },
})
const [role = 'consumer'] = positionals
/** @type {Record<string, (options: Parameters<typeof chaosOfGroups>[0]) => Promise<{ problems: readonly string[], summary: string }>>} */
const runs = { consumer: chaosOfGroups, producer: chaosOfProducers, 'exactly-once': chaosOfProcessors }
const minutes = Number(values.minutes)
const seed = Number(values.seed)
const recordsPerSecond = Number(values.rate ?? (role === 'exactly-once' ? 500 : 6_000))
const isValid = minutes > 0 && Number.isSafeInteger(seed) && recordsPerSecond > 0
if (!isValid || !(role in runs) || positionals.length > 1) {
  console.error(usage)
  process.exit(2)
}

const client = join(root, 'packages/client')
const java = await distribution()
/** Groups ask for short sessions (KIP-848). */
const config = { 'group.consumer.min.session.timeout.ms': 6_000, 'group.consumer.min.heartbeat.interval.ms': 1_000 }
const kafka = await startKafka({ config, log: (line) => console.log(line) })
try {
  const options = {
    bootstrap: kafka.bootstrap,
    brokers: kafka,
    spawnJava: (/** @type {readonly string[]} */ args) => spawnJava(java, args),
    seconds: minutes * 60,
    seed,
    log: (/** @type {string} */ line) => console.log(line),
  }
  const report = await runs[role]?.(options)
  if (report === undefined) throw new Error(usage)
  for (const problem of report.problems.slice(0, 50)) console.log(problem)
  console.log(`seed ${seed}: ${report.summary}`)
  process.exitCode = report.problems.length === 0 ? 0 : 1
} finally {
  await kafka.close()
}

/** @param {Omit<Parameters<Chaos['chaos']>[0], 'peerSource'>} options */
async function chaosOfGroups(options) {
  const { chaos } = /** @type {Chaos} */ (await importTypeScript(client, 'test/interop/chaos/chaos.ts'))
  return chaos({ ...options, peerSource: join(client, 'test/interop/java/Peer.java') })
}

/** @param {Omit<Parameters<ProducerChaos['producerChaos']>[0], 'recordsPerSecond' | 'javaSource'>} options */
async function chaosOfProducers(options) {
  const program = await importTypeScript(client, 'test/interop/producing/chaos.ts')
  const { producerChaos } = /** @type {ProducerChaos} */ (program)
  return producerChaos({ ...options, recordsPerSecond, javaSource: join(client, 'test/interop/java/Interop.java') })
}

/** @param {Omit<Parameters<ProcessorChaos['processorChaos']>[0], 'recordsPerSecond' | 'javaSource' | 'program'>} options */
async function chaosOfProcessors(options) {
  const module = await importTypeScript(client, 'test/interop/processing/chaos.ts')
  const { processorChaos } = /** @type {ProcessorChaos} */ (module)
  const javaSource = join(client, 'test/interop/java/Interop.java')
  const program = join(client, 'test/interop/processing/processor-program.mjs')
  return processorChaos({ ...options, recordsPerSecond, javaSource, program })
}

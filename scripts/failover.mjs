// `npm run bench -- failover [--runs 100] [--real 20] [--only kill|hang]`: the time from the election of another leader to the first record through,
// after its leader was killed and after it hung: p50 and p99, in virtual time on the testkit and on a real Kafka of three brokers.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startKafka } from '../tools/kafka/index.mjs'
import { root } from './lib/npx.mjs'
import { importTypeScript } from './lib/run-typescript.mjs'

/** @typedef {import('../packages/client/test/interop/producing/failover.ts')} Failover */
/** @typedef {import('../packages/client/test/virtual/producing/testkit-failover.ts')} VirtualFailover */
/** @typedef {import('../packages/client/test/virtual/producing/testkit-failover.ts').Failure} Failure */

const limitMs = 2_000
/** @type {readonly Failure[]} */
const all = ['kill', 'hang']

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100' },
    real: { type: 'string', default: '20' },
    only: { type: 'string' },
  },
})
const [runs, realRuns] = [values.runs, values.real].map(Number)
if (![runs, realRuns].every((one) => Number.isSafeInteger(one) && one >= 0)) {
  console.error('usage: npm run bench -- failover [--runs 100] [--real 20] [--only kill|hang]')
  process.exit(2)
}

const failures = all.filter((failure) => values.only === undefined || failure === values.only)

const client = join(root, 'packages/client')
const virtual = await importTypeScript(client, 'test/virtual/producing/testkit-failover.ts')
const { testkitFailoverMs } = /** @type {VirtualFailover} */ (virtual)
const { RealFailover } = /** @type {Failover} */ (await importTypeScript(client, 'test/interop/producing/failover.ts'))
let isWithin = true

/**
 * @param {string} where
 * @param {Failure} failure
 * @param {number} count
 * @param {(run: number) => Promise<number>} measure
 */
async function figures(where, failure, count, measure) {
  const times = []
  for (let run = 1; run <= count; run++) times.push(await measure(run))
  if (times.length === 0) return
  times.sort((a, b) => a - b)
  const at = (/** @type {number} */ share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  const [p50, p99, most] = [at(0.5), at(0.99), at(1)].map(Math.round)
  console.log(`${where}, ${count} x ${failure}: p50 ${p50} ms, p99 ${p99} ms, at most ${most} ms after the election`)
  if (p99 > limitMs) isWithin = false
}

for (const failure of failures) {
  await figures('testkit (virtual time)', failure, runs, (seed) => testkitFailoverMs(seed, failure))
}
if (realRuns > 0) {
  const kafka = await startKafka()
  const failover = new RealFailover(kafka.bootstrap, kafka)
  try {
    await failover.prepare()
    for (const failure of failures) {
      await figures('real Kafka', failure, realRuns, async (run) => {
        const ms = await failover.run(failure)
        console.error(`${failure} ${run}: ${Math.round(ms)} ms`)
        return ms
      })
    }
  } finally {
    await failover.close()
    await kafka.close()
  }
}
if (!isWithin) console.error(`above ${limitMs} ms at p99`)
process.exit(isWithin ? 0 : 1)

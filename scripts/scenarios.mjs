// `npm run scenarios -- [NAME…]`: all scenarios of the client on clusters that the usual test run does not have: each quirk of the
// testkit, and older releases of Apache Kafka from Maven's jars. The last line is `N passed, N failed`, in runs.
import { spawnSync } from 'node:child_process'
import { root } from './lib/npx.mjs'

/** @typedef {{ name: string, what: string, only: string, env: Record<string, string> }} Run */

/** @type {readonly Run[]} */
const all = [
  { name: 'quirks', what: 'the quirks of the testkit', only: '\\(testkit, ', env: { OTTLA_GROUNDS: 'quirks' } },
  ...['3.9', '2.1'].map((release) => ({
    name: release,
    what: `Apache Kafka ${release}`,
    only: '\\(kafka\\)',
    env: { OTTLA_GROUNDS: 'kafka', OTTLA_KAFKA_RELEASE: release },
  })),
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !all.some((run) => run.name === name))
if (unknown.length > 0) {
  console.error(`unknown run ${unknown.join(', ')}: use ${all.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}
let failed = 0
const runs = wanted.length === 0 ? all : all.filter(({ name }) => wanted.includes(name))
for (const { name, what, only, env } of runs) {
  console.log(`${name}: the scenarios on ${what} …`)
  const startedMs = performance.now()
  const args = ['vitest', 'run', '--project', 'real-kafka', 'packages/client/test/scenarios', '-t', only]
  const { status } = spawnSync('npx', args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (status !== 0) failed++
  console.log(
    `${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - startedMs) / 1000).toFixed(0)} s)`,
  )
}
console.log(`${runs.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

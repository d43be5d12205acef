// `npm run check:long [NAME…]`: the checks that take too long for each change, one after the other. The last line is
// `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { root } from './lib/npx.mjs'

/** @type {readonly (readonly [name: string, what: string, command: readonly string[]])[]} */
const all = [
  ['nodes', 'the packed packages on Node 20, 22, 24 and 26', ['check:nodes']],
  ['mutants-codec', 'planted bugs of the codec', ['mutants', 'codec']],
  ['mutants-consumer', 'planted bugs of the consumer', ['mutants', 'consumer']],
  ['mutants-producer', 'planted bugs of the producer', ['mutants', 'producer']],
  ['mutants-testkit', 'planted bugs of the testkit', ['mutants', 'testkit']],
  ['fuzz', 'a million corrupted inputs', ['fuzz', 'codec', '--', '--runs', '1000000']],
  ['soak', 'a day of virtual time with faults', ['soak', 'testkit', '--', '--hours', '24', '--seed', '11']],
  ['crash', 'kills under load with a data directory', ['crash', 'testkit', '--', '--kills', '50']],
  ['scenarios', 'the scenarios on each quirk, on Kafka 3.9 and on 2.1', ['scenarios']],
  ['chaos-real', 'members of ottla and Java while real brokers are killed', ['chaos:real', '--', '--minutes', '10']],
  ['chaos-producer', 'producers under faults, against the logs', ['chaos', 'producer', '--', '--seeds', '5000']],
  [
    'chaos-producer-real',
    'producers while real brokers are killed, as Java reads the log',
    ['chaos:real', 'producer', '--', '--minutes', '10'],
  ],
  ['chaos-exactly-once', 'transactional processors under faults', ['chaos', 'exactly-once', '--', '--seeds', '1000']],
  [
    'chaos-exactly-once-real',
    'transactional processors while processes and real brokers are killed, as Java reads the outputs',
    ['chaos:real', 'exactly-once', '--', '--minutes', '10'],
  ],
  ['failover', 'the time to the first record through a new leader', ['bench', 'failover']],
  ['soak-producer', 'a producer for half an hour', ['soak', 'producer', '--', '--minutes', '30']],
  ['conformance-codec', "the codec against Kafka's classes", ['conformance', 'codec']],
  ['conformance-testkit', 'the testkit against a live Kafka', ['conformance', 'testkit']],
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !all.some(([known]) => known === name))
if (unknown.length > 0) {
  console.error(`unknown check ${unknown.join(', ')}: use ${all.map(([name]) => name).join(', ')}`)
  process.exit(2)
}
const checks = wanted.length === 0 ? all : all.filter(([name]) => wanted.includes(name))
console.log(`${checks.length} checks on ${availableParallelism()} cores`)

let failed = 0
for (const [name, what, command] of checks) {
  console.log(`${name}: ${what} …`)
  const startedMs = performance.now()
  const { status, stdout, stderr } = spawnSync('npm', ['run', '-s', ...command], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    stdio: 'pipe',
  })
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  if (status !== 0) {
    failed++
    console.log(`${stdout ?? ''}${stderr ?? ''}`)
  }
  const summary = (stdout ?? '').trimEnd().split('\n').at(-1)
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s): ${summary}`)
}
console.log(`${checks.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

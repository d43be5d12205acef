// `npm run chaos -- consumer|producer|exactly-once [--seeds N] [--from N] [--jobs N] [--minutes M]`: random runs in virtual time of a
// consumer group, each checked against a model of the contract; of producers, whose results are compared with the brokers' logs; or of
// transactional processors, whose outputs in the logs must have each input once.
// `--seed N --verbose` replays one seed and prints all its events; `--features A,B` restricts the runs to these.
// With `--real` on a real Kafka, as `npm run chaos:real`.
import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { root } from './lib/npx.mjs'
import { runTypeScript, withProgram } from './lib/run-typescript.mjs'

const usage =
  'usage: npm run chaos -- consumer|producer|exactly-once [--seeds N] [--from N] [--jobs N] [--minutes M] | --seed N [--verbose]'
const folder = join(root, 'packages/client')
const entry = 'test/virtual/chaos-main.ts'
const shownFindings = 20

if (process.argv.includes('--real')) {
  const real = join(root, 'scripts/chaos-real.mjs')
  process.exit(spawnSync(process.execPath, [real, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    minutes: { type: 'string', default: '0' },
    seed: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    features: { type: 'string', default: '' },
  },
})
const [role = ''] = positionals
if (positionals.length !== 1 || !['consumer', 'producer', 'exactly-once'].includes(role)) {
  console.error(usage)
  process.exit(2)
}
const [seeds, from, jobs] = [values.seeds, values.from, values.jobs].map(Number)
const minutes = Number(values.minutes)
if (![seeds, from, jobs].every((one) => Number.isSafeInteger(one) && one > 0) || !(minutes >= 0)) {
  console.error(usage)
  process.exit(2)
}

/** @typedef {{ seed: number, violations: string[], stalls: string[], counts: Record<string, number>, virtualMs: number }} Report */

const began = Date.now()
const total = { seeds: 0, violations: 0, stalls: 0, virtualMs: 0, crashes: 0 }
/** @type {number[]} */
const badSeeds = []
/** Dimensions: in how many seeds, and how often. @type {Map<string, [seeds: number, times: number]>} */
const dimensions = new Map()

/** @param {Report} report */
function note({ seed, violations, stalls, counts, virtualMs }) {
  total.seeds += 1
  total.virtualMs += virtualMs
  if (violations.length > 0) total.violations += 1
  if (stalls.length > 0) total.stalls += 1
  for (const [name, times] of Object.entries(counts)) {
    const [inSeeds, all] = dimensions.get(name) ?? [0, 0]
    dimensions.set(name, [inSeeds + 1, all + times])
  }
  if (violations.length + stalls.length === 0) return
  badSeeds.push(seed)
  if (badSeeds.length > shownFindings) return
  for (const one of violations.slice(0, 1)) console.log(`VIOLATION ${one}`)
  if (violations.length > 1) console.log(`  and ${violations.length - 1} more, which may follow from it`)
  for (const one of stalls.slice(0, 1)) console.log(`STALL ${one}`)
}

function rate() {
  const seconds = (Date.now() - began) / 1000
  return `${(total.seeds / seconds).toFixed(1)} seeds/s, ${(total.virtualMs / 3_600_000).toFixed(1)} h of virtual time`
}

function progress() {
  const found = `${total.violations} violations, ${total.stalls} stalls`
  console.log(`${total.seeds} of ${seeds} seeds, ${found}, ${rate()}`)
}

/**
 * Seeds job, job + jobs, …: each job gets the same mix.
 * @param {readonly string[]} command
 * @param {number} job
 */
function runJob(command, job) {
  const count = Math.ceil((seeds - job) / jobs)
  if (count <= 0) return Promise.resolve()
  const run = [role, String(from + job), String(count), String(jobs), String(minutes * 60)]
  const args = [...command, ...run, '', values.features]
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => note(JSON.parse(line)))
  // Both: a job that crashes ends its output before its exit code is known.
  const read = new Promise((resolve) => lines.once('close', resolve))
  const ended = new Promise((resolve) => {
    child.once('close', (code) => {
      if (code !== 0) total.crashes += 1
      resolve(undefined)
    })
  })
  return Promise.all([read, ended])
}

if (values.seed !== undefined) {
  const args = [role, values.seed, '1', '1', '0', values.verbose ? 'verbose' : '', values.features]
  process.exit(await runTypeScript(folder, entry, args))
}

const timer = setInterval(progress, 15_000)
await withProgram(folder, entry, (command) =>
  Promise.all(Array.from({ length: jobs }, (_, job) => runJob(command, job))),
)
clearInterval(timer)

console.log('\nDimensions: in how many seeds, and how often')
for (const [name, [inSeeds, times]] of [...dimensions].sort(([a], [b]) => (a < b ? -1 : 1))) {
  console.log(`${String(inSeeds).padStart(7)} ${String(times).padStart(9)}  ${name}`)
}
if (badSeeds.length > 0) console.log(`\nReplay with --seed N --verbose: ${badSeeds.slice(0, 100).join(' ')}`)
if (total.crashes > 0) console.log(`${total.crashes} of ${jobs} jobs crashed`)
console.log(`\n${rate()}\n${total.seeds} seeds, ${total.violations} violations, ${total.stalls} stalls`)
process.exit(badSeeds.length === 0 && total.crashes === 0 && total.seeds > 0 ? 0 : 1)

// `npm run check`: every check but the tests; `npm run check -- lint knip` only these. The last line is `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'

/** @typedef {readonly [title: string, script: string]} Check */

/** Those of the sources and those of the packages run side by side, each in their order. @type {readonly (readonly Check[])[]} */
const groups = [
  [
    ['lint and format', 'lint'],
    ['types', 'typecheck'],
    ['import directions', 'depcruise'],
    ['unused files, exports, dependencies', 'knip'],
    ['exported types, links of doc comments', 'check:api'],
  ],
  [
    ['packaging', 'check:packed'],
    ['bundles of the packages, by esbuild and webpack', 'check:bundles'],
    ['types of the packages, TypeScript 5.0 to the newest', 'check:types'],
  ],
]
/** Alone, after the others: it starts programs, which are slow on a busy machine. @type {Check} */
const last = ['README and CONTRIBUTING, followed in a fresh clone', 'check:readme']

const all = [...groups.flat(), last]
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !all.some(([, script]) => script === name))
if (unknown.length > 0) {
  console.error(`unknown check ${unknown.join(', ')}: use ${all.map(([, script]) => script).join(', ')}`)
  process.exit(2)
}
const isWanted = (/** @type {Check} */ [, script]) => wanted.length === 0 || wanted.includes(script)
const checks = all.filter(isWanted)

// Once, before the groups: two of them at the same time would disturb each other.
const setup = spawnSync(process.execPath, [join(root, 'scripts/setup.mjs')], { stdio: 'inherit' })
if (setup.status !== 0) process.exit(1)

let failed = 0

/** @param {Check} check */
async function run([title, script]) {
  const started = performance.now()
  const child = spawn('npm', ['run', '-s', script], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const ok = await new Promise((resolve) => child.once('close', (code) => resolve(code === 0)))
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${title} (${seconds} s)`)
  if (ok) return
  failed++
  console.log(output)
}

await Promise.all(
  groups.map(async (group) => {
    for (const check of group.filter(isWanted)) await run(check)
  }),
)
if (isWanted(last)) await run(last)
if (process.env.OTTLA_TALLY_FILE) {
  writeFileSync(process.env.OTTLA_TALLY_FILE, JSON.stringify({ passed: checks.length - failed, failed }))
}
console.log(`${checks.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

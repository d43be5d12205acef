// `npm run check`: every check but the tests; `npm run check -- lint knip` only these. The last line is `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { root } from './lib/npx.mjs'

const all = [
  ['lint and format', 'lint'],
  ['types', 'typecheck'],
  ['import directions', 'depcruise'],
  ['unused files, exports, dependencies', 'knip'],
  ['exported types, links of doc comments', 'check:api'],
  ['packaging', 'check:packed'],
  ['bundles of the packages, by esbuild and webpack', 'check:bundles'],
  ['types of the packages, TypeScript 5.0 to the newest', 'check:types'],
  ['README and CONTRIBUTING, followed in a fresh clone', 'check:readme'],
]
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !all.some(([, script]) => script === name))
if (unknown.length > 0) {
  console.error(`unknown check ${unknown.join(', ')}: use ${all.map(([, script]) => script).join(', ')}`)
  process.exit(2)
}
const checks = wanted.length === 0 ? all : all.filter(([, script]) => wanted.includes(script))

let failed = 0
for (const [title, script] of checks) {
  const started = performance.now()
  const result = spawnSync('npm', ['run', '-s', script], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: 'pipe',
  })
  const ok = result.status === 0
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${title} (${seconds} s)`)
  if (!ok) {
    failed++
    console.log(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  }
}
if (process.env.OTTLA_TALLY_FILE) {
  writeFileSync(process.env.OTTLA_TALLY_FILE, JSON.stringify({ passed: checks.length - failed, failed }))
}
console.log(`${checks.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

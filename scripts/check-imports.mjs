// `npm run depcruise`: the import directions of .dependency-cruiser.cjs. With a TypeScript it cannot use,
// dependency-cruiser sees no module and still succeeds, so the number of modules is checked as well.
import { spawnSync } from 'node:child_process'
import { root } from './lib/npx.mjs'

const folders = ['packages', 'examples', 'benchmarks', 'tools', 'scripts', 'docs']
const result = spawnSync('depcruise', ['--output-type', 'json', ...folders], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 256 << 20,
  stdio: ['ignore', 'pipe', 'inherit'],
})
if (!result.stdout) {
  console.error('depcruise printed nothing: start this through `npm run depcruise`.', result.error ?? '')
  process.exit(1)
}

const { modules, summary } = JSON.parse(result.stdout)
const typescript = modules.filter(({ source }) => source.startsWith('packages/') && source.endsWith('.ts'))
for (const { rule, from, to, cycle } of summary.violations) {
  console.error(`${rule.name}: ${from} -> ${cycle ? cycle.map(({ name }) => name).join(' -> ') : to}`)
}
if (typescript.length < 80) {
  console.error(
    `Only ${typescript.length} TypeScript modules were seen: dependency-cruiser cannot read TypeScript here.`,
  )
  process.exit(1)
}
console.log(`${summary.totalCruised} modules, ${summary.violations.length} violations of the import directions`)
process.exit(summary.violations.length > 0 ? 1 : 0)

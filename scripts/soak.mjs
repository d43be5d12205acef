// `npm run soak -- testkit [--hours N] [--seed N] [--seeds N]`: a cluster and its clients in virtual time, under constant
// faults. The invariants of the replicas are checked after each event; at the end no record may be lost and no timer,
// connection or request left over. `npm run soak -- producer` is `soak-producer.mjs`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './lib/npx.mjs'

if (process.argv[2] === 'producer') {
  const program = join(root, 'scripts/soak-producer.mjs')
  process.exit(spawnSync(process.execPath, [program, ...process.argv.slice(3)], { stdio: 'inherit' }).status ?? 1)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    hours: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
  },
})
if (positionals.length !== 1 || positionals[0] !== 'testkit') {
  console.error('usage: npm run soak -- testkit [--hours N] [--seed N] [--seeds N] | producer [--minutes N] [--rate N]')
  process.exit(2)
}

const env = { ...process.env, SOAK_HOURS: values.hours, SOAK_SEED: values.seed, SOAK_SEEDS: values.seeds }
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const test = 'packages/client/test/virtual/soak.test.ts'
const run = spawnSync(process.execPath, [vitest, 'run', '--project', 'integration', test], {
  cwd: root,
  env,
  stdio: 'inherit',
})
process.exit(run.status ?? 1)

// `npm run soak -- testkit [--hours N] [--seed N] [--seeds N]`: a cluster and its clients in virtual time, under constant
// faults. The invariants of the replicas are checked after each event; at the end no record may be lost and no timer,
// connection or request left over.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './lib/npx.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    hours: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
  },
})
if (positionals.length !== 1 || positionals[0] !== 'testkit') {
  console.error('usage: npm run soak -- testkit [--hours N] [--seed N] [--seeds N]')
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

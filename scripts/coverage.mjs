// `npm run coverage -- testkit`: writes docs/testkit-coverage.md, the APIs, configs and behaviour of the testkit, from its code.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'

if (process.argv.length !== 3 || process.argv[2] !== 'testkit') {
  console.error('usage: npm run coverage -- testkit')
  process.exit(2)
}

const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const args = ['run', '--project', 'integration', 'scripts/testkit-coverage.test.ts', '--update']
const run = spawnSync(process.execPath, [vitest, ...args], { cwd: root, stdio: 'inherit' })
process.exit(run.status ?? 1)

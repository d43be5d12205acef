// `npm run bench -- NAME…`: starts the benchmarks with the arguments, on built packages.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'

const run = (args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1

const setup = run([join(root, 'scripts/setup.mjs')])
process.exit(setup === 0 ? run([join(root, 'benchmarks/dist/run.js'), ...process.argv.slice(2)]) : setup)

// `npm run bench -- NAME…`: starts the benchmarks with the arguments, on built packages. `failover` is a program of its own.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'

const run = (args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1

const setup = run([join(root, 'scripts/setup.mjs')])
if (setup !== 0) process.exit(setup)
const [name, ...rest] = process.argv.slice(2)
const program =
  name === 'failover' ? ['scripts/failover.mjs', ...rest] : ['benchmarks/dist/run.js', ...process.argv.slice(2)]
process.exit(run(program))

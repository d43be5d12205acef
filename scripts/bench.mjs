// `npm run bench -- NAME…`: starts the benchmarks with the arguments, on built packages. `failover` is a program of its own;
// `--peers` installs the clients of benchmarks/peers first, and the Node.js release that they ask for.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'

const run = (command, args, cwd = root) => spawnSync(command, args, { cwd, stdio: 'inherit' }).status ?? 1
const node = (args) => run(process.execPath, args)

const setup = node([join(root, 'scripts/setup.mjs')])
if (setup !== 0) process.exit(setup)
const args = process.argv.slice(2)
if (args.includes('--peers')) {
  const installed = run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--loglevel=error'],
    join(root, 'benchmarks/peers'),
  )
  if (installed !== 0) process.exit(installed)
}
const [name, ...rest] = args
process.exit(node(name === 'failover' ? ['scripts/failover.mjs', ...rest] : ['benchmarks/dist/run.js', ...args]))

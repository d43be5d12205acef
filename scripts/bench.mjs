// `npm run bench -- NAME…`: starts the benchmarks with the arguments, on built packages. `failover` is a program of its own;
// `--peers` installs the clients of benchmarks/peers first, and the Node.js release that they ask for.
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { root } from './lib/npx.mjs'

const peers = join(root, 'benchmarks/peers')

const run = (command, args, options = {}) =>
  spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options }).status ?? 1
const node = (args) => run(process.execPath, args)

/** npm leaves out optional packages that ask for another Node.js than its own: it runs again on the one that it installed. */
function installPeers() {
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error']
  const newer = join(peers, 'node_modules/node/bin')
  const PATH = `${newer}${delimiter}${process.env.PATH}`
  return run('npm', args, { cwd: peers }) || run('npm', args, { cwd: peers, env: { ...process.env, PATH } })
}

const setup = node([join(root, 'scripts/setup.mjs')])
if (setup !== 0) process.exit(setup)
const args = process.argv.slice(2)
const installed = args.includes('--peers') ? installPeers() : 0
if (installed !== 0) process.exit(installed)
const [name, ...rest] = args
process.exit(node(name === 'failover' ? ['scripts/failover.mjs', ...rest] : ['benchmarks/dist/run.js', ...args]))

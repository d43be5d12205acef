// `npm run pack`: writes one tarball for each package into artifacts/, as `npm publish` would send it.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { npxCommand, root } from './lib/npx.mjs'

const artifacts = join(root, 'artifacts')
mkdirSync(artifacts, { recursive: true })
for (const name of readdirSync(artifacts)) if (name.endsWith('.tgz')) rmSync(join(artifacts, name))

const pack = 'pnpm -r --filter=./packages/* exec pnpm pack --pack-destination "$ARTIFACTS"'
const { command, args, options } = npxCommand(pack)
const result = spawnSync(command, args, {
  ...options,
  env: { ...options.env, ARTIFACTS: artifacts },
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'pipe'],
})
if (result.status !== 0) {
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  process.exit(1)
}
for (const name of readdirSync(artifacts).filter((file) => file.endsWith('.tgz'))) console.log(`artifacts/${name}`)

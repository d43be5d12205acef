// `npm run demo -- ARGS`: builds what is missing, then starts the tour with ARGS in this process, so that Ctrl-C reaches it
// directly.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './lib/npx.mjs'

const setup = spawnSync(process.execPath, [join(root, 'scripts/setup.mjs')], { stdio: 'inherit' })
if (setup.status !== 0) process.exit(setup.status ?? 1)

const demo = join(root, 'examples/dist/demo.js')
process.argv[1] = demo
await import(pathToFileURL(demo).href)

// `npm run demo -- ARGS`: builds what is not built yet, then starts the tour with ARGS.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'

const setup = spawnSync(process.execPath, [join(root, 'scripts/setup.mjs')], { stdio: 'inherit' })
if (setup.status !== 0) process.exit(setup.status ?? 1)

const demo = spawn(process.execPath, [join(root, 'examples/dist/demo.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
})
// A terminal sends Ctrl-C to the whole group: the demo stops itself, and this process waits for it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) demo.kill(signal)
  })
}
demo.on('close', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))

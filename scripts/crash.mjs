// `pnpm crash testkit [--kills 50] [--fsync always|os]`: kills ottla-testkit under load, and looks for what it acknowledged.
import { join } from 'node:path'
import { root } from './lib/npx.mjs'
import { runTypeScript } from './lib/run-typescript.mjs'

const [suite, ...args] = process.argv.slice(2)
if (suite !== 'testkit') {
  console.error('usage: pnpm crash testkit [--kills 50] [--fsync always|os]')
  process.exit(2)
}
process.exit(await runTypeScript(join(root, 'packages/testkit'), 'test/crash/main.ts', args))

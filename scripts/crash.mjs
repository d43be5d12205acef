// `npm run crash -- testkit [--kills 50] [--fsync always|os]`: kills ottla-testkit under load, then checks that every
// acknowledged record is there.
import { join } from 'node:path'
import { root } from './lib/npx.mjs'
import { runTypeScript } from './lib/run-typescript.mjs'

const [suite, ...args] = process.argv.slice(2)
if (suite !== 'testkit') {
  console.error('usage: npm run crash -- testkit [--kills 50] [--fsync always|os]')
  process.exit(2)
}
process.exit(await runTypeScript(join(root, 'packages/testkit'), 'test/crash/main.ts', args))

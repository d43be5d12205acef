// `npm run fuzz -- codec [--runs N] [--seed N] [--only RUN]`: feeds corrupt bytes to everything that reads bytes.
import { join } from 'node:path'
import { root } from './lib/npx.mjs'
import { runTypeScript } from './lib/run-typescript.mjs'

const args = process.argv.slice(2)
const names = args.filter((arg, i) => !arg.startsWith('--') && !args[i - 1]?.startsWith('--'))
if (names.length !== 1 || names[0] !== 'codec') {
  console.error('usage: npm run fuzz -- codec [--runs N] [--seed N] [--only RUN]')
  process.exit(2)
}
// Enough for any legal allocation of a reader. More means that it trusted a corrupt length.
const flags = ['--max-old-space-size=256']
process.exit(await runTypeScript(join(root, 'packages/codec'), 'test/fuzz/main.ts', args, flags))

// `pnpm conformance codec [--seed N] [--samples N]`: compares the codec with Kafka's own classes. The jars come from the
// cache of tools/kafka, which downloads them when they are not there.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { distribution } from '../tools/kafka/index.mjs'
import { root } from './lib/npx.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' }, samples: { type: 'string', default: '4' } },
})
if (positionals.some((name) => name !== 'codec')) {
  console.error(`nothing named ${positionals.join(', ')} to compare: there is codec`)
  process.exit(2)
}

const { java, libs } = await distribution()
const codec = join(root, 'packages/codec')
const env = { ...process.env, KAFKA_LIBS: libs, KAFKA_JAVA: java, SEED: values.seed, SAMPLES: values.samples }
const run = (...args) => spawnSync(process.execPath, args, { cwd: codec, env, stdio: 'inherit' }).status ?? 1

const tables = run('scripts/import-messages.mjs', '--check', libs)
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const classes = run(vitest, 'run', '--config', 'test/conformance/vitest.config.ts', '--disable-console-intercept')
process.exit(tables || classes)

// `npm run conformance -- codec [--seed N] [--samples N]` compares the codec with Kafka's own classes;
// `npm run conformance -- testkit [--only Api,Api] [--kafka HOST:PORT,…] [--show]` compares the testkit with Kafka's brokers.
// The jars come from the cache of tools/kafka, which downloads them when they are not there.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { distribution } from '../tools/kafka/index.mjs'
import { root } from './lib/npx.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    samples: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    kafka: { type: 'string', default: '' },
    show: { type: 'boolean', default: false },
  },
})
const suites = positionals.length === 0 ? ['codec', 'testkit'] : positionals
const unknown = suites.filter((name) => name !== 'codec' && name !== 'testkit')
if (unknown.length > 0) {
  console.error(`unknown suite ${unknown.join(', ')}: use codec or testkit`)
  process.exit(2)
}

/** @param {string} folder @param {Record<string, string>} env @param {readonly string[]} args */
const run = (folder, env, args) =>
  spawnSync(process.execPath, args, { cwd: folder, env: { ...process.env, ...env }, stdio: 'inherit' }).status ?? 1

const vitest = join(root, 'node_modules/vitest/vitest.mjs')
/** @param {string} folder @param {Record<string, string>} env */
const compare = (folder, env) =>
  run(folder, env, [vitest, 'run', '--config', 'test/conformance/vitest.config.ts', '--disable-console-intercept'])

async function codec() {
  const { java, libs } = await distribution()
  const folder = join(root, 'packages/codec')
  const env = { KAFKA_LIBS: libs, KAFKA_JAVA: java, SEED: values.seed, SAMPLES: values.samples }
  return run(folder, env, ['scripts/import-messages.mjs', '--check', libs]) || compare(folder, env)
}

const testkit = () =>
  compare(join(root, 'packages/testkit'), {
    OTTLA_CONFORMANCE_KAFKA: values.kafka,
    OTTLA_CONFORMANCE_ONLY: values.only,
    OTTLA_CONFORMANCE_SHOW: String(values.show),
  })

let failed = 0
if (suites.includes('codec')) failed ||= await codec()
if (suites.includes('testkit')) failed ||= testkit()
process.exit(failed)

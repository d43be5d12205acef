// Generates src/compression/zstd-binary.ts from the `zstd.wasm` of @bokuweb/zstd-wasm, a development dependency. As text in
// the code it needs no file beside it, so it works in a bundle. With `--check` it writes nothing and fails if the file
// holds something else.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'

const from = (name) =>
  fileURLToPath(new URL(name, `file://${createRequire(import.meta.url).resolve('@bokuweb/zstd-wasm')}`))
const to = fileURLToPath(new URL('../src/compression/zstd-binary.ts', import.meta.url))
const { version } = JSON.parse(readFileSync(from('../../package.json'), 'utf8'))
const wasm = readFileSync(from('zstd.wasm'))
const glue = readFileSync(from('zstd.js'), 'utf8')

/** Emscripten shortens the names of exports; the package's JavaScript has the table. */
function exportOf(name) {
  const found = new RegExp(`Module\\['${name}'\\] = wasmExports\\['(\\w+)'\\]`).exec(glue)
  if (found === null) throw new Error(`${name} is not in the JavaScript of @bokuweb/zstd-wasm ${version}`)
  return found[1]
}

/** The names that src/compression/zstd-wasm.ts uses, and Emscripten's. Memory and constructors have none in the table. */
const names = {
  memory: /wasmMemory = wasmExports\['(\w+)'\]/.exec(glue)[1],
  callConstructors: /addOnInit\(wasmExports\['(\w+)'\]\)/.exec(glue)[1],
  malloc: exportOf('_malloc'),
  free: exportOf('_free'),
  isError: exportOf('_ZSTD_isError'),
  compressBound: exportOf('_ZSTD_compressBound'),
  compress: exportOf('_ZSTD_compress'),
  decompress: exportOf('_ZSTD_decompress'),
}

/** The host functions that it needs, by the names that src/compression/zstd-wasm.ts gives them. */
const hostNames = {
  abort: '__abort_js',
  exit: '_proc_exit',
  resizeHeap: '_emscripten_resize_heap',
  setTimer: '__setitimer_js',
  clearKeepAlive: '__emscripten_runtime_keepalive_clear',
}
const importTable = Object.fromEntries(
  [.../var wasmImports = \{([^}]*)\}/.exec(glue)[1].matchAll(/(\w+): (\w+)/g)].map(([, short, name]) => [name, short]),
)
if (Object.keys(importTable).sort().join() !== Object.values(hostNames).sort().join()) {
  throw new Error(`@bokuweb/zstd-wasm ${version} imports other functions: ${Object.keys(importTable)}`)
}
const imports = Object.fromEntries(Object.entries(hostNames).map(([name, theirs]) => [name, importTable[theirs]]))

const list = (record) => Object.entries(record).map(([name, short]) => `  ${name}: '${short}',\n`)
const head = `// Generated from @bokuweb/zstd-wasm ${version} by scripts/import-zstd.mjs: ${wasm.length} bytes, compressed by Brotli.
// zstd: Copyright (c) Meta Platforms, Inc. and affiliates. See NOTICE for the licenses.

/** The short names that Emscripten assigns to the exports and imports of the module. */
export const exportNames = {
${list(names).join('')}} as const

export const importNames = {
${list(imports).join('')}} as const

`
const start = 'export const brotliBase64 =\n  '
const brotli = brotliCompressSync(wasm, { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } })

if (process.argv.includes('--check')) {
  const text = readFileSync(to, 'utf8')
  const base64 = /'([A-Za-z0-9+/=]+)'\n$/.exec(text)?.[1] ?? ''
  // Another release of Node may compress to other bytes.
  const same = text.startsWith(head + start) && brotliDecompressSync(Buffer.from(base64, 'base64')).equals(wasm)
  if (!same) console.error(`${to} is not what @bokuweb/zstd-wasm ${version} holds: run node scripts/import-zstd.mjs`)
  process.exit(same ? 0 : 1)
}
writeFileSync(to, `${head}${start}'${brotli.toString('base64')}'\n`)

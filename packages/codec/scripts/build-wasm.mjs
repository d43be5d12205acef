// Generates x-wasm.ts from each x.wat: the module's bytes as base64, so that bundlers need no special support. With
// `--check` it writes nothing and fails if a file is not what would be written.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import makeWabt from 'wabt'

const sources = ['src/wire/crc32c.wat', 'src/compression/blocks.wat']
const wabt = await makeWabt()
let stale = 0

for (const source of sources) {
  const from = fileURLToPath(new URL(`../${source}`, import.meta.url))
  const to = from.replace('.wat', '-wasm.ts')
  const name = source.split('/').at(-1)
  const module = wabt.parseWat(name, readFileSync(from, 'utf8'), { bulk_memory: true })
  module.validate()
  const { buffer } = module.toBinary({})
  const text = Buffer.from(buffer).toString('base64')
  const lines = text.match(/.{1,112}/g).map((line) => `  '${line}'`)
  const head = `// Generated from ${name} by scripts/build-wasm.mjs: ${buffer.length} bytes.`
  const code = `${head}\nexport const wasmBase64 =\n${lines.join(' +\n')}\n`
  if (!process.argv.includes('--check')) writeFileSync(to, code)
  else if (readFileSync(to, 'utf8') !== code) {
    console.error(`${to} is not what ${name} compiles to: run node scripts/build-wasm.mjs`)
    stale++
  }
}
process.exit(stale === 0 ? 0 : 1)

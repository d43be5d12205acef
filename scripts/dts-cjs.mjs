// node dts-cjs.mjs DIST: makes tsc's declarations fit for publishing. tsc leaves `.ts` in the specifiers of a `.d.ts`;
// here they become `.js`, and each declaration gets a `.d.cts` twin with `.cjs` for `require`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const dist = process.argv[2] ?? 'dist'
const specifier = /((?:from|import)\s*\(?\s*)(['"])(\.{1,2}\/[^'"]*?)\.ts\2/g

for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.d.ts')) continue
  const file = join(dist, name)
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace(specifier, '$1$2$3.js$2'))
  writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), text.replace(specifier, '$1$2$3.cjs$2'))
}

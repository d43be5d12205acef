// node dts-cjs.mjs DIST: makes tsc's declarations fit for publishing, from TypeScript 5.0 on. Each `.d.ts` gets a `.d.cts`
// twin for `require`.
// - tsc leaves `.ts` in the specifiers of a declaration; they become `.js` and `.cjs`.
// - An inferred type prints as `Uint8Array<ArrayBufferLike>`, which TypeScript before 5.7 refuses. The argument is the
//   default of newer versions, so leaving it out means the same type.
// - TypeScript 6 and newer load no `@types` package by themselves, so a file that uses Node's types refers to them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const dist = process.argv[2] ?? 'dist'
const specifier = /((?:from|import)\s*\(?\s*)(['"])(\.{1,2}\/[^'"]*?)\.ts\2/g
const defaultArgument = /\b(Uint8Array|Buffer)<ArrayBufferLike>/g
const nodeTypes = /\b(?:Buffer|NodeJS|AbortSignal|ReadableStream)\b|\bfrom 'node:|\bSymbol\.(?:asyncDispose|dispose)\b/

for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.d.ts')) continue
  const file = join(dist, name)
  const emitted = readFileSync(file, 'utf8').replace(defaultArgument, '$1')
  const text = nodeTypes.test(emitted) ? `/// <reference types="node" />\n${emitted}` : emitted
  writeFileSync(file, text.replace(specifier, '$1$2$3.js$2'))
  writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), text.replace(specifier, '$1$2$3.cjs$2'))
}

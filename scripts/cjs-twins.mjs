// node cjs-twins.mjs DIST: makes a build fit for publishing. Each `.js` gets a `.cjs` twin, and each `.d.ts` a `.d.cts`.
//
// Code: tsup's own CommonJS splitting uses sucrase, which replaces `?.`, `??` and `import()` by calls of helper
// functions. esbuild keeps them. The twins share chunks as the ES modules do, so a class exists once and `instanceof` works.
//
// Declarations, so that they compile from TypeScript 5.0 on:
// - tsc leaves `.ts` in the specifiers of a declaration; they become `.js` and `.cjs`.
// - An inferred type prints as `Uint8Array<ArrayBufferLike>`, which TypeScript before 5.7 refuses. The argument is the
//   default of newer versions, so leaving it out means the same type.
// - TypeScript 6 and newer load no `@types` package by themselves, so a file that uses Node's types refers to them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const dist = process.argv[2] ?? 'dist'
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })

/** Leaves every import as it is, but for the names of our own chunks. */
const externalTwins = {
  name: 'external-twins',
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path }) => {
      if (kind === 'entry-point') return undefined
      return { path: path.startsWith('.') ? path.replace(/\.js$/, '.cjs') : path, external: true }
    })
  },
}

await build({
  entryPoints: files.filter((name) => name.endsWith('.js')).map((name) => join(dist, name)),
  outdir: dist,
  outbase: dist,
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  target: 'node20',
  platform: 'node',
  bundle: true,
  plugins: [externalTwins],
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  // The command line of the testkit finds its package.json by it. It starts as an ES module only.
  logOverride: { 'empty-import-meta': 'silent' },
})

const specifier = /((?:from|import)\s*\(?\s*)(['"])(\.{1,2}\/[^'"]*?)\.ts\2/g
const defaultArgument = /\b(Uint8Array|Buffer)<ArrayBufferLike>/g
const nodeTypes = /\b(?:Buffer|NodeJS|AbortSignal|ReadableStream)\b|\bfrom 'node:|\bSymbol\.(?:asyncDispose|dispose)\b/

for (const name of files.filter((file) => file.endsWith('.d.ts'))) {
  const file = join(dist, name)
  const emitted = readFileSync(file, 'utf8').replace(defaultArgument, '$1')
  const text = nodeTypes.test(emitted) ? `/// <reference types="node" />\n${emitted}` : emitted
  writeFileSync(file, text.replace(specifier, '$1$2$3.js$2'))
  writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), text.replace(specifier, '$1$2$3.cjs$2'))
}

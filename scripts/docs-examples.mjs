// Writes each `ts` block of the README files and docs/*.md into docs/.examples/, for `tsc` to check: names of calls and options in
// the documentation must be those of the code.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'

const target = join(root, 'docs/.examples')
rmSync(target, { recursive: true, force: true })
mkdirSync(target)

const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
]
let blocks = 0
for (const page of pages.filter((name) => name.endsWith('.md'))) {
  const text = readFileSync(join(root, page), 'utf8')
  for (const match of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
    const line = text.slice(0, match.index).split('\n').length
    // Blocks of one page share nothing: each is a module of its own.
    const file = `${page.replace(/[/.]/g, '-')}-line-${line}.ts`
    writeFileSync(join(target, file), `// ${page}, line ${line}\n${match[1]}\nexport {}\n`)
    blocks++
  }
}
if (blocks < 20) {
  console.error(`Only ${blocks} blocks of code were found in the documentation.`)
  process.exit(1)
}

// The `ts` blocks of the documentation. They are type-checked (scripts/docs-examples.mjs) and executed (docs/blocks.test.ts).
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './npx.mjs'

/**
 * @typedef {object} Block
 * @property {string} page relative to the repository
 * @property {number} line of its opening fence
 * @property {string} name a file name without extension, unique
 * @property {string} code
 * @property {string | undefined} notRun why it cannot be executed: ```` ```ts not-run="it needs …" ````
 */

/** All pages with code: README files and docs/*.md. */
function pagesWithCode() {
  const markdown = (folder) => readdirSync(join(root, folder)).filter((name) => name.endsWith('.md'))
  return [
    'README.md',
    'examples/README.md',
    ...markdown('docs').map((name) => `docs/${name}`),
    ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
  ]
}

/**
 * @param {string} page
 * @returns {Block[]}
 */
function blocksOf(page) {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^```(?:ts|typescript)\b(.*)\n([\s\S]*?)^```$/gm)].map((match) => {
    const [, info = '', code = ''] = match
    const line = text.slice(0, match.index).split('\n').length
    const notRun = /^ not-run="(.+)"$/.exec(info)?.[1]
    if (info !== '' && notRun === undefined) throw new Error(`${page}:${line}: unknown info string '${info.trim()}'`)
    return { page, line, name: `${page.replace(/[/.]/g, '-')}-line-${line}`, code, notRun }
  })
}

/** @returns {Block[]} */
export function allBlocks() {
  const blocks = pagesWithCode().flatMap(blocksOf)
  if (blocks.length < 20) throw new Error(`Found only ${blocks.length} code blocks in the documentation`)
  return blocks
}

/**
 * The block as a module. Blocks of one page share nothing.
 * @param {Block} block
 */
export const moduleOf = ({ page, line, code }) => `// ${page}, line ${line}\n${code}\nexport {}\n`

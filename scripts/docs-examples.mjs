// Writes each `ts` block of the documentation into docs/.examples/, where `tsc` checks it.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allBlocks, moduleOf } from './lib/doc-blocks.mjs'
import { root } from './lib/npx.mjs'

const target = join(root, 'docs/.examples')
rmSync(target, { recursive: true, force: true })
mkdirSync(target)
for (const block of allBlocks()) writeFileSync(join(target, `${block.name}.ts`), moduleOf(block))

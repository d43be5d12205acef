// `npm run docs:options`: writes docs/configuration.md from the doc comments of the options.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'
import { optionsPage } from './lib/option-docs.mjs'

writeFileSync(join(root, 'docs/configuration.md'), optionsPage())

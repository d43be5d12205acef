import { readdirSync } from 'node:fs'
import { defineConfig } from 'tsup'

/** One bundle a program: the tour (`demo.ts`) and each example, a file or a folder with an `index.ts`. */
function programs(): string[] {
  return readdirSync('src', { withFileTypes: true }).flatMap((item) => {
    if (item.isDirectory()) return item.name === 'lib' ? [] : [`src/${item.name}/index.ts`]
    return item.name.endsWith('.ts') && !item.name.endsWith('.test.ts') ? [`src/${item.name}`] : []
  })
}

export default defineConfig({
  entry: programs(),
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  clean: true,
  sourcemap: true,
  splitting: true,
  dts: false,
  silent: true,
})

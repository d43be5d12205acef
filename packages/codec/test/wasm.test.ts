import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test.each(['build-wasm', 'import-zstd'])('the WebAssembly of %s in the repository matches its sources', (name) => {
  const script = fileURLToPath(new URL(`../scripts/${name}.mjs`, import.meta.url))
  expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toBe('')
})

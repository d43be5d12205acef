import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('the WebAssembly in the repository is what its sources compile to', () => {
  const script = fileURLToPath(new URL('../scripts/build-wasm.mjs', import.meta.url))
  expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toBe('')
})

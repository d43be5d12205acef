import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const file = fileURLToPath(new URL('./refunds.mjs', import.meta.url))

/** Runs the file as users do. */
function play(env: Readonly<Record<string, string>>): Promise<{ readonly code: number; readonly output: string }> {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...rest } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, ['--test', file], { env: { ...rest, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr })
    })
  })
}

describe('useCluster under node --test', { timeout: 60_000 }, () => {
  test('creates a cluster for each test, or one per file', async () => {
    const { code, output } = await play({})
    expect(output).toMatch(/pass 4/)
    expect(code).toBe(0)
  })

  test('reports a failed test with its last requests', async () => {
    const { code, output } = await play({ OTTLA_FAILS: 'true' })
    expect(code).toBe(1)
    expect(output).toMatch(/pass 4/)
    expect(output).toMatch(/fail 1/)
    expect(output).toContain('the last 0 of 0 requests')
  })
})

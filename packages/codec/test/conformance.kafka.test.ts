import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { available } from '../../../tools/kafka/index.mjs'
import { skipReason } from '../../../tools/skip-reason.ts'

const can = available()
const skipped = !can.ok && process.env.CI !== 'true'

describe.skipIf(skipped)("the codec beside Kafka's own classes", skipReason(can.ok ? '' : can.reason), () => {
  test('tables equal the definitions in the jar, bytes equal those of Java', { timeout: 600_000 }, async () => {
    const root = fileURLToPath(new URL('../../../', import.meta.url))
    const command = ['scripts/conformance.mjs', 'codec', '--samples', '1']
    const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: root, maxBuffer: 16 << 20 })
    expect(stdout).toMatch(/\b\d{3} files compared, 0 differ/)
    expect(stdout).toMatch(/684 message versions, \d+ values: all as Kafka reads and writes them/)
    expect(stdout).toMatch(/non-default: (\d+) of \1 /)
    expect(stdout).toMatch(/fields of \d+ definitions, none missing/)
    expect(stdout).toMatch(/400 batches read and written again by Kafka/)
  })
})

import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/data-world.ts'
import { crash } from './crash.ts'
import { startProgram } from './program.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

describe('ottla-testkit --data-dir', () => {
  test.each([
    ['always', -1],
    ['always', 1],
    ['os', -1],
  ] as const)(
    'killed under load, with --fsync %s and acks=%i, loses and duplicates nothing',
    { timeout: 120_000 },
    async (fsync, acks) => {
      let state = 7
      // The same times in each run.
      const random = () => {
        state = (state * 16_807) % 2_147_483_647
        return state / 2_147_483_647
      }
      const report = await crash({ cli, dataDir: temporaryDirectory(), fsync, kills: 2, random, upToMs: 150, acks })
      expect(report.problems).toEqual([])
      expect(report.acknowledged).toBeGreaterThan(100)
    },
  )

  test('locks its directory, and takes over the lock of a dead process', async () => {
    const dataDir = temporaryDirectory()
    const args = ['--brokers', '1', '--port', '0', '--data-dir', dataDir]
    const first = await startProgram(cli, args)
    await expect(startProgram(cli, args)).rejects.toThrow(/The data directory .* is in use by process \d+/)
    await first.kill()
    const second = await startProgram(cli, args)
    expect(await second.stop()).toBe(0)
  })
})

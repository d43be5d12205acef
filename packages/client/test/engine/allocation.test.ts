import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../support/engine-allocation-program.mjs', import.meta.url))
const recordCount = 1_000_000
/** A number beyond 31 bits, as a timestamp is, where it is returned by a function that is not inlined. */
const budgetBytes = 17

test('the cursor of a batch allocates at most one number a record', { timeout: 120_000 }, async () => {
  const cluster = await createCluster({
    brokers: 1,
    listen: true,
    topics: [
      { name: 't', partitions: 1, replicationFactor: 1, configs: { 'max.message.bytes': 8 << 20, 'retention.ms': -1 } },
    ],
  })
  try {
    const semiSpace = ['--min-semi-space-size=64', '--max-semi-space-size=64']
    const args = [...semiSpace, program, cluster.bootstrap.join(','), String(recordCount)]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const measured = JSON.parse(stdout) as { count: number; perRecord: number }
    expect(measured.count).toBeGreaterThanOrEqual(recordCount)
    expect(measured.perRecord).toBeLessThanOrEqual(budgetBytes)
  } finally {
    await cluster.close()
  }
})

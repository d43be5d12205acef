import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../support/engine-allocation-program.mjs', import.meta.url))
const recordCount = 1_000_000

test('the cursor of a batch allocates at most a byte a record', { timeout: 120_000 }, async () => {
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
    expect(measured.perRecord).toBeLessThanOrEqual(1)
  } finally {
    await cluster.close()
  }
})

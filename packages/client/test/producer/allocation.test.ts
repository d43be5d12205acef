import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createCluster, type TestCluster } from '@ottla/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const program = fileURLToPath(new URL('../support/allocation-program.mjs', import.meta.url))
const recordCount = 1_000_000
const budgetBytes = 16

let cluster: TestCluster

beforeAll(async () => {
  const topics = ['t', 'u'].map((name) => ({
    name,
    partitions: 6,
    replicationFactor: 1,
    configs: { 'retention.bytes': 1 << 20, 'segment.bytes': 1 << 20 },
  }))
  cluster = await createCluster({ brokers: 1, listen: true, traffic: { limit: 10 }, topics })
})

afterAll(() => cluster.close())

describe('enqueue allocates at most 16 bytes a record', () => {
  test.each([
    'with a key',
    'without a key',
    'of bytes',
    'with a timestamp',
    'of two topics in turn',
    'with a custom partitioner',
    'with the partitioner round-robin',
    'with the partitioner consistent-random',
    'with the partitioner kafkajs-legacy',
  ])('%s', { timeout: 120_000 }, async (name) => {
    const semiSpace = ['--min-semi-space-size=64', '--max-semi-space-size=64']
    const args = [...semiSpace, program, cluster.bootstrap.join(','), name, String(recordCount)]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const measured = JSON.parse(stdout) as { count: number; perCall: number; perRecord: number }
    expect(measured.count).toBe(recordCount)
    expect(measured.perCall).toBeLessThanOrEqual(budgetBytes)
    // Also with what sending and settling its batch takes.
    expect(measured.perRecord).toBeLessThanOrEqual(budgetBytes)
  })
})

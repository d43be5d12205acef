import { createCluster, type TestCluster } from '@ottla/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { memoryOf } from '../support/memory-of.ts'

const mebibyte = 1 << 20
/** Of the requests, and of what the allocator does not return. */
const slackBytes = 50 * mebibyte

interface Grown {
  readonly count: number
  readonly settled: number
  readonly grownBytes: number
}

/** Runs the program against a cluster. */
function run(cluster: TestCluster, maxBufferedBytes: number, how: string): Promise<Grown> {
  return memoryOf('producer-memory-program', [cluster.bootstrap.join(','), String(maxBufferedBytes), how])
}

describe('while brokers do not respond, records of one byte', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await createCluster({ brokers: 1, listen: true, topics: [{ name: 't' }] })
  })
  afterAll(() => cluster.close())

  beforeEach(() => {
    cluster.faults.clear()
    // The first record of each run arrives.
    cluster.faults.add({ match: { api: 'Produce' }, action: { delay: '10m' }, trigger: { nth: 2, times: 1_000 } })
  })

  test.each([
    ['each with a callback', 'enqueue'],
    ['each with a callback, before their topic is known', 'unknown'],
    ['in calls of send that are not awaited', 'send'],
  ])('%s take at most twice the budget', { timeout: 120_000 }, async (_, how) => {
    const maxBufferedBytes = 32 * mebibyte
    const { count, grownBytes } = await run(cluster, maxBufferedBytes, how)
    expect(count).toBeGreaterThan(20_000)
    expect(grownBytes / mebibyte).toBeLessThan((2 * maxBufferedBytes + slackBytes) / mebibyte)
  })
})

describe('while brokers respond', () => {
  test('batches that lingered and were sent do not remain', { timeout: 120_000 }, async () => {
    const cluster = await createCluster({ brokers: 1, listen: true, topics: [{ name: 't' }] })
    const { count, grownBytes } = await run(cluster, mebibyte, 'linger')
    await cluster.close()
    expect(count).toBe(6_000)
    expect(grownBytes / mebibyte).toBeLessThan((2 * mebibyte + slackBytes) / mebibyte)
  })

  test('3,000 topics that are used once take at most twice the budget', { timeout: 120_000 }, async () => {
    const topics = Array.from({ length: 3_000 }, (_, i) => ({
      name: `topic-${i}`,
      partitions: 1,
      replicationFactor: 1,
    }))
    const cluster = await createCluster({
      brokers: 1,
      listen: true,
      topics: [{ name: 't' }, ...topics],
      traffic: false,
    })
    const maxBufferedBytes = 8 * mebibyte
    const { settled, grownBytes } = await run(cluster, maxBufferedBytes, 'topics')
    await cluster.close()
    expect(settled).toBe(3_000)
    expect(grownBytes / mebibyte).toBeLessThan((2 * maxBufferedBytes + slackBytes) / mebibyte)
  })
})

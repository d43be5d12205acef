import { describe, expect, test, vi } from 'vitest'
import { ClusterFixture } from '../src/fixtures/cluster-fixture.ts'
import { kafkaTest } from '../src/fixtures/vitest.ts'
import { batchOf } from './support/batches.ts'
import { TopicClient } from './support/topic-client.ts'

const topics = [{ name: 'orders', replicationFactor: 3 }]

const eachTest = kafkaTest({ topics })
const fileTest = kafkaTest({ topics, scope: 'file', time: 'virtual' })

describe('a cluster for each test', () => {
  const seen = new Set<unknown>()

  for (const round of ['first', 'second']) {
    eachTest(`is a new empty one:  ${round}`, async ({ cluster, uniqueName }) => {
      expect(seen.has(cluster)).toBe(false)
      seen.add(cluster)
      expect(cluster.partition('orders', 0).logEndOffset).toBe(0)
      expect([uniqueName('t'), uniqueName('t')]).toEqual(['t-1', 't-2'])
      const client = await TopicClient.connect(cluster, 'orders')
      await client.produce(batchOf(['a']))
      client.wire.close()
    })
  }
})

describe('a cluster for a file', () => {
  const seen = new Set<unknown>()

  for (const round of ['first', 'second', 'third']) {
    fileTest(`is the same one, emptied again:  ${round}`, async ({ cluster }) => {
      seen.add(cluster)
      expect(seen.size).toBe(1)
      expect(cluster.topics()).toEqual(['orders'])
      expect(cluster.partition('orders', 0).logEndOffset).toBe(0)
      await cluster.createTopic({ name: 'more' })
      await cluster.run(async () => {
        const client = await TopicClient.connect(cluster, 'orders')
        await client.produce(batchOf(['a']))
        client.wire.close()
      })
    })
  }
})

describe('a test', () => {
  test('that leaves a client open fails', async () => {
    const fixture = await ClusterFixture.open({ topics })
    const client = await TopicClient.connect(fixture.cluster, 'orders')
    await expect(fixture.end({ failed: false })).rejects.toThrow('Clients left 1 connections')
    client.wire.close()
    await fixture.end({ failed: false })
    await fixture.close()
  })

  test('that fails prints its seed and the last requests with their errors', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {})
    const fixture = await ClusterFixture.open({ topics, time: 'virtual', seed: 42 })
    const { cluster } = fixture
    cluster.faults.add({ match: { api: 'Produce' }, action: { error: 'NOT_ENOUGH_REPLICAS' } })
    await cluster.run(async () => {
      const client = await TopicClient.connect(cluster, 'orders')
      await client.produce(batchOf(['a']))
    })
    await fixture.end({ failed: true })
    await fixture.close()
    const [report] = print.mock.calls[0] ?? []
    print.mockRestore()
    expect(report).toContain('seed 42, ')
    expect(report).toMatch(/broker \d {2}wire {2}Produce v\d+ {2}responded after 0 ms: NOT_ENOUGH_REPLICAS, faults 1/)
  })
})

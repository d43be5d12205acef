import { expect, test } from 'vitest'
import { createCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { TopicClient } from './support/topic-client.ts'

test('compacts a topic automatically on all replicas after log.cleaner.backoff.ms', async () => {
  const configs = { 'cleanup.policy': 'compact', 'segment.ms': 1, 'min.cleanable.dirty.ratio': 0.1 }
  await using cluster = await createCluster({
    brokers: 3,
    config: { 'log.cleaner.backoff.ms': 2000 },
    topics: [{ name: 't', partitions: 1, replicationFactor: 3, configs }],
  })
  const client = await TopicClient.connect(cluster, 't')
  for (const [n, value] of ['a', 'b', 'c', 'd'].entries()) {
    await client.produce(batchOf([value], { timestamp: cluster.clock.now() + n * 10 }))
  }
  expect(await client.readAll()).toEqual(['a', 'b', 'c', 'd'])
  await cluster.clock.advance('1s')
  expect(await client.readAll()).toEqual(['a', 'b', 'c', 'd'])
  await cluster.clock.advance('2s')
  expect(await client.readAll()).toEqual(['c', 'd'])
  const { leader } = cluster.partition('t', 0)
  await cluster.broker(leader).kill()
  await cluster.clock.advance('10s')
  const other = await TopicClient.connect(cluster, 't')
  expect(await other.readAll()).toEqual(['c', 'd'])
})

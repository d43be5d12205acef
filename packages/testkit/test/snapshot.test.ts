import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FindCoordinator, OffsetCommit, OffsetFetch } from '@ottla/codec'
import { afterEach, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { TopicClient } from './support/topic-client.ts'

let cluster: TestCluster
afterEach(() => cluster.close())

const topics = [{ name: 't', partitions: 2, replicationFactor: 3 }]

/** The lasting state: without connections, the time, and the last roles of a dead broker. */
function lasting() {
  const { topics: all, groups, brokers } = cluster.state()
  const up = new Map(brokers.map(({ id, isUp }) => [id, isUp]))
  const partitions = all.flatMap(({ name, partitions: each }) =>
    each.map(({ logs, ...rest }) => ({
      ...rest,
      name,
      logs: logs.map((log) => (up.get(log.brokerId) ? log : { ...log, leaderEpoch: -1 })),
    })),
  )
  return { partitions, groups, up }
}

async function commit(client: TopicClient, offset: bigint): Promise<void> {
  const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }]
  const { topics: responses } = await client.wire.request(
    OffsetCommit,
    { groupId: 'g', memberId: '', topics: [{ name: 't', partitions }] },
    9,
  )
  expect(responses[0]?.partitions[0]?.errorCode).toBe(0)
}

async function coordinator(): Promise<TopicClient> {
  const first = await TopicClient.connect(cluster, 't')
  for (let turn = 0; turn < 100; turn++) {
    const { coordinators } = await first.wire.request(FindCoordinator, { keyType: 0, coordinatorKeys: ['g'] })
    const [found] = coordinators
    if (found !== undefined && found.errorCode === 0) return TopicClient.connect(cluster, 't', found.nodeId)
    await cluster.clock.advance(10)
  }
  throw new Error('No coordinator')
}

async function committed(): Promise<bigint | undefined> {
  const client = await coordinator()
  const body = { groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }] }
  const { groups } = await client.wire.request(OffsetFetch, body, 8)
  return groups[0]?.topics[0]?.partitions[0]?.committedOffset
}

test('restores topics, logs, offsets, producers and which brokers are up, repeatedly', async () => {
  cluster = await createCluster({ topics })
  const client = await TopicClient.connect(cluster, 't')
  const sequenced = { producerId: 7n, producerEpoch: 1, baseSequence: 0 }
  await client.produce(batchOf(['a', 'b'], sequenced))
  await commit(await coordinator(), 1n)
  await cluster.broker(3).shutdown()
  await cluster.clock.advance(100)
  const before = lasting()
  const snapshot = cluster.snapshot()
  for (let round = 0; round < 2; round++) {
    const late = await TopicClient.connect(cluster, 't')
    await late.produce(batchOf(['c']))
    await commit(await coordinator(), 2n)
    await cluster.createTopic({ name: `more-${round}` })
    await cluster.broker(3).restart()
    expect(lasting()).not.toEqual(before)

    await cluster.restore(snapshot)
    await cluster.clock.advance(100)
    expect(lasting()).toEqual(before)
    expect(await committed()).toBe(1n)
    const again = await TopicClient.connect(cluster, 't')
    expect((await again.fetch()).values).toEqual(['a', 'b'])
    // The log has the producer's state: a batch sent before is a duplicate.
    const repeated = await again.produce(batchOf(['a', 'b'], sequenced))
    expect([repeated.errorCode, repeated.baseOffset]).toEqual([0, 0n])
  }
})

test('closes connections, removes faults, and resets the wall clock', async () => {
  cluster = await createCluster({ topics, listen: true })
  const { bootstrap } = cluster
  const snapshot = cluster.snapshot()
  const client = await TopicClient.connect(cluster, 't')
  cluster.faults.add({ match: { api: 'Produce' }, action: 'hang', trigger: 'always' })
  const heal = cluster.disconnect(1, 2)
  await cluster.clock.advance('7d')
  expect(cluster.clock.now() - Date.now()).toBeGreaterThan(604_000_000)
  await cluster.restore(snapshot)
  await client.wire.closed
  expect(Math.abs(cluster.clock.now() - Date.now())).toBeLessThan(5_000)
  expect(cluster.bootstrap).toEqual(bootstrap)
  const again = await TopicClient.connect(cluster, 't')
  expect((await again.produce(batchOf(['a']))).errorCode).toBe(0)
  heal()
})

test('continues the session of a broker that was dead, but not fenced', async () => {
  cluster = await createCluster({ topics, time: 'virtual', config: { 'broker.session.timeout.ms': 5_000 } })
  const { leader } = cluster.partition('t', 0)
  await cluster.broker(leader).kill()
  const snapshot = cluster.snapshot()
  await cluster.clock.advance('10s')
  const next = cluster.partition('t', 0).leader
  expect(next).not.toBe(leader)
  await cluster.restore(snapshot)
  expect(cluster.partition('t', 0).leader).toBe(leader)
  await cluster.clock.advance('10s')
  expect(cluster.partition('t', 0).leader).toBe(next)
})

test('is loaded by the next cluster of the data directory', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-snapshot-'))
  try {
    cluster = await createCluster({ topics, dataDir })
    const client = await TopicClient.connect(cluster, 't')
    await client.produce(batchOf(['a']))
    const snapshot = cluster.snapshot()
    await client.produce(batchOf(['b']))
    await cluster.createTopic({ name: 'later' })
    await cluster.restore(snapshot)
    const again = await TopicClient.connect(cluster, 't')
    await again.produce(batchOf(['c']))
    await cluster.close()

    cluster = await createCluster({ dataDir })
    expect(cluster.topics()).toEqual(['t'])
    const next = await TopicClient.connect(cluster, 't')
    expect((await next.fetch()).values).toEqual(['a', 'c'])
  } finally {
    await cluster.close()
    rmSync(dataDir, { recursive: true })
  }
})

test('can be restored only in its own cluster', async () => {
  cluster = await createCluster({ brokers: 1 })
  await using other = await createCluster({ brokers: 1 })
  await expect(cluster.restore(other.snapshot())).rejects.toThrow('another cluster')
})

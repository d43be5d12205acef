import {
  AlterPartitionReassignments,
  AlterReplicaLogDirs,
  ApiVersions,
  DescribeCluster,
  DescribeLogDirs,
  DescribeQuorum,
  DescribeTopicPartitions,
  errorOf,
  FindCoordinator,
  IncrementalAlterConfigs,
  InitProducerId,
  ListPartitionReassignments,
  UnregisterBroker,
  UpdateFeatures,
} from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClusterOptions, createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'
import { WireClient } from './support/wire-client.ts'

let cluster: TestCluster
afterEach(() => cluster.close())

async function start(options: ClusterOptions = {}, configs: Record<string, string | number> = {}) {
  cluster = await createCluster({
    brokers: 4,
    ...options,
    config: { 'broker.session.timeout.ms': 20, 'replica.lag.time.max.ms': 100, ...options.config },
    topics: [{ name: 't', partitions: 1, replicationFactor: 2, configs }],
  })
  return TopicClient.connect(cluster, 't')
}

const status = () => cluster.partition('t', 0)
const nameOf = ({ errorCode = -1 }: { readonly errorCode?: number | undefined } = {}) => errorOf(errorCode).name
const others = (...not: number[]) => [1, 2, 3, 4].filter((id) => !not.includes(id))
const arrived = (replicas: readonly number[]) =>
  eventually(status, (now) => String(now.replicas) === String(replicas) && now.isr.length === replicas.length)
const wireOf = (id: number) => WireClient.connect(cluster.runtime, cluster.bootstrap[id - 1] ?? '')

/** Repeats a request until the response is as expected; each request takes a turn. */
async function responded<T>(send: () => Promise<T>, fits: (response: T) => boolean): Promise<T> {
  for (let n = 0; n < 200; n++) {
    const response = await send()
    if (fits(response)) return response
  }
  throw new Error('No response is as expected')
}

describe('a reassignment', () => {
  test('copies the log to the new replicas, then moves the leadership and deletes the old logs', async () => {
    const client = await start()
    for (let n = 0; n < 5; n++) await client.produce(batchOf([`v${n}`]))
    const before = status()
    const target = others(...before.replicas)
    await cluster.reassign('t', 0, target)
    await arrived(target)
    expect(status()).toMatchObject({ leader: target[0], adding: [], removing: [], logEndOffset: 5 })
    expect(status().leaderEpoch).toBeGreaterThan(before.leaderEpoch)
    expect(nameOf(await client.produce(batchOf(['late'])))).toBe('NOT_LEADER_OR_FOLLOWER')
    const moved = await TopicClient.connect(cluster, 't')
    expect((await moved.fetch()).values).toEqual(['v0', 'v1', 'v2', 'v3', 'v4'])
    const logs = await (await wireOf(before.leader)).request(DescribeLogDirs, { topics: null })
    expect(logs.results[0]?.topics).toEqual([])
  })

  test('is visible while a new replica lags, and can be cancelled', async () => {
    const client = await start()
    await client.produce(batchOf(['a']))
    const before = status()
    const [slow = 0, other = 0] = others(...before.replicas)
    cluster.broker(slow).pauseReplication()
    await cluster.reassign('t', 0, [slow, before.leader])
    const removing = before.replicas.filter((id) => id !== before.leader)
    const replicas = [slow, before.leader, ...removing]
    expect(status()).toMatchObject({ replicas, adding: [slow], removing, leader: before.leader, isr: before.isr })
    const wire = await wireOf(other)
    const listed = await wire.request(ListPartitionReassignments, { timeoutMs: 1000, topics: null })
    expect(listed.topics).toEqual([
      { name: 't', partitions: [{ partitionIndex: 0, replicas, addingReplicas: [slow], removingReplicas: removing }] },
    ])
    const described = await wire.request(DescribeTopicPartitions, { topics: [{ name: 't' }], cursor: null })
    expect(described.topics[0]?.partitions[0]).toMatchObject({ replicaNodes: replicas, isrNodes: before.isr })
    // acks=all does not wait for the added replica.
    expect(nameOf(await client.produce(batchOf(['b'])))).toBe('NONE')
    await cluster.reassign('t', 0, null)
    expect(status()).toMatchObject({ replicas: [before.leader, ...removing], adding: [], removing: [] })
    await expect(cluster.reassign('t', 0, null)).rejects.toThrow("Topic 't', partition 0 is not being reassigned")
    cluster.broker(slow).resumeReplication()
    expect(nameOf(await client.produce(batchOf(['c'])))).toBe('NONE')
    expect((await wire.request(ListPartitionReassignments, { timeoutMs: 1000, topics: null })).topics).toEqual([])
  })

  test('survives the death of the leader and of an added replica', async () => {
    const client = await start()
    for (let n = 0; n < 3; n++) await client.produce(batchOf([`v${n}`]))
    const before = status()
    const target = others(...before.replicas)
    const [first = 0] = target
    cluster.broker(first).pauseReplication()
    await cluster.reassign('t', 0, target)
    await cluster.broker(before.leader).kill()
    await eventually(status, ({ leader }) => leader !== before.leader && leader > 0)
    await cluster.broker(first).kill()
    await cluster.broker(first).restart()
    await arrived(target)
    expect((await (await TopicClient.connect(cluster, 't')).fetch()).values).toEqual(['v0', 'v1', 'v2'])
    await cluster.broker(before.leader).restart()
    const logs = await (await wireOf(before.leader)).request(DescribeLogDirs, { topics: null })
    expect(logs.results[0]?.topics).toEqual([])
  })

  test('is rejected for invalid replicas', async () => {
    await start()
    await expect(cluster.reassign('no', 0, [1])).rejects.toThrow(RangeError)
    await expect(cluster.reassign('t', 0, [1, 9])).rejects.toThrow('no such broker is registered')
    const wire = await wireOf(1)
    const partitions = [{ partitionIndex: 0, replicas: [1] }]
    const { responses } = await wire.request(AlterPartitionReassignments, {
      timeoutMs: 1000,
      allowReplicationFactorChange: false,
      topics: [{ name: 't', partitions }],
    })
    expect(nameOf(responses[0]?.partitions[0])).toBe('INVALID_REPLICATION_FACTOR')
  })
})

describe('eligible leaders (KIP-966)', () => {
  const describeIt = async (id: number) => {
    const { topics } = await (await wireOf(id)).request(DescribeTopicPartitions, {
      topics: [{ name: 't' }],
      cursor: null,
    })
    return topics[0]?.partitions[0]
  }

  test('are replicas that left an ISR below its minimum; they are elected last, and lose no record', async () => {
    const client = await start({}, { 'min.insync.replicas': 2 })
    await client.produce(batchOf(['a']))
    const { leader, replicas } = status()
    const follower = replicas.find((id) => id !== leader) ?? 0
    await cluster.broker(follower).shutdown()
    expect(status()).toMatchObject({ isr: [leader], elr: [follower] })
    const [witness = 0] = others(leader, follower)
    expect(await describeIt(witness)).toMatchObject({ isrNodes: [leader], eligibleLeaderReplicas: [follower] })
    await cluster.broker(leader).kill()
    await eventually(status, (now) => now.leader === -1)
    expect(await describeIt(witness)).toMatchObject({ isrNodes: [], lastKnownElr: [leader] })
    await cluster.broker(follower).restart()
    await eventually(status, (now) => now.leader === follower)
    expect(status()).toMatchObject({ isr: [follower], elr: [leader] })
    expect((await (await TopicClient.connect(cluster, 't')).fetch()).values).toEqual(['a'])
    // The killed broker had an unclean shutdown: it is not eligible until it has caught up.
    await cluster.broker(leader).restart()
    await eventually(status, ({ isr }) => isr.length === 2)
    expect(status().elr).toEqual([])
  })

  test.each([2, 4])('are not known any more when the minimum changes (resource type %i)', async (resourceType) => {
    await start({}, resourceType === 2 ? { 'min.insync.replicas': 2 } : {})
    const wire = await wireOf(1)
    const set = async (value: string) => {
      const configs = [{ name: 'min.insync.replicas', configOperation: 0, value }]
      const resources = [{ resourceType, resourceName: resourceType === 2 ? 't' : '', configs }]
      const { responses } = await wire.request(IncrementalAlterConfigs, { resources, validateOnly: false })
      expect(nameOf(responses[0])).toBe('NONE')
    }
    if (resourceType === 4) await set('2')
    const { leader, replicas } = status()
    const follower = replicas.find((id) => id !== leader) ?? 0
    await cluster.broker(follower).shutdown()
    expect(status()).toMatchObject({ isr: [leader], elr: [follower] })
    await set('1')
    expect(status()).toMatchObject({ isr: [leader], elr: [] })
  })

  test('do not exist without the feature', async () => {
    await start({}, { 'min.insync.replicas': 2 })
    const wire = await wireOf(1)
    const feature = 'eligible.leader.replicas.version'
    const featureUpdates = [{ feature, maxVersionLevel: 0, upgradeType: 2 }]
    const response = await wire.request(UpdateFeatures, { featureUpdates, validateOnly: false }, 1)
    expect(response.errorCode).toBe(0)
    const { leader, replicas } = status()
    const follower = replicas.find((id) => id !== leader) ?? 0
    await cluster.broker(follower).shutdown()
    await cluster.broker(leader).shutdown()
    expect(status()).toMatchObject({ leader: -1, isr: [leader], elr: [] })
  })
})

describe('features', () => {
  test('are returned as set by all brokers, with the epoch of the decision', async () => {
    await start()
    const [one, two] = [await wireOf(1), await wireOf(2)]
    const software = { clientSoftwareName: 'x', clientSoftwareVersion: '1' }
    const levels = async () => {
      const { finalizedFeatures, finalizedFeaturesEpoch } = await two.request(ApiVersions, software)
      return {
        epoch: finalizedFeaturesEpoch,
        levels: new Map(finalizedFeatures.map((f) => [f.name, f.maxVersionLevel])),
      }
    }
    const before = await levels()
    expect(before.levels.get('share.version')).toBe(1)
    const featureUpdates = [{ feature: 'share.version', maxVersionLevel: 0, upgradeType: 2 }]
    await one.request(UpdateFeatures, { featureUpdates, validateOnly: true }, 2)
    expect((await levels()).epoch).toBe(before.epoch)
    await one.request(UpdateFeatures, { featureUpdates, validateOnly: false }, 2)
    const after = await levels()
    expect(after.levels.has('share.version')).toBe(false)
    expect(after.epoch).toBeGreaterThan(before.epoch)
    await cluster.reset()
    expect((await levels()).levels.get('share.version')).toBe(1)
  })
})

describe('the quorum', () => {
  const describeQuorum = async (id: number) => {
    const topics = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }]
    const response = await (await wireOf(id)).request(DescribeQuorum, { topics })
    const partition = response.topics[0]?.partitions[0]
    if (partition === undefined) throw new Error('No response')
    return { ...partition, nodes: response.nodes.map(({ nodeId }) => nodeId) }
  }

  test('has a log that grows with each decision, and the fourth broker is an observer', async () => {
    await start()
    const before = await describeQuorum(4)
    expect(before.currentVoters.map(({ replicaId }) => replicaId)).toEqual([1, 2, 3])
    expect([before.observers.map(({ replicaId }) => replicaId), before.nodes]).toEqual([[4], [1, 2, 3]])
    await cluster.createTopic({ name: 'other' })
    const after = await describeQuorum(4)
    expect(after.highWatermark).toBeGreaterThan(before.highWatermark)
    expect(after.observers[0]?.logEndOffset).toBe(after.highWatermark)
  })

  test('has another leader in the next epoch when the leader dies', async () => {
    await start()
    const before = await describeQuorum(4)
    await cluster.broker(before.leaderId).kill()
    const after = await describeQuorum(4)
    expect(after.leaderId).not.toBe(before.leaderId)
    expect(after.leaderEpoch).toBe(before.leaderEpoch + 1)
    const lost = after.currentVoters.find(({ replicaId }) => replicaId === before.leaderId)
    expect(lost?.logEndOffset).toBeLessThanOrEqual(after.highWatermark)
  })
})

test('an unregistered broker is removed from the cluster until it restarts', async () => {
  await start()
  const wire = await wireOf(1)
  const known = async () => {
    const body = { includeClusterAuthorizedOperations: false, endpointType: 1, includeFencedBrokers: true }
    return (await wire.request(DescribeCluster, body)).brokers.map(({ brokerId }) => brokerId)
  }
  expect(nameOf(await wire.request(UnregisterBroker, { brokerId: 9 }))).toBe('BROKER_ID_NOT_REGISTERED')
  await cluster.broker(4).kill()
  expect(nameOf(await wire.request(UnregisterBroker, { brokerId: 4 }))).toBe('NONE')
  await responded(known, (ids) => ids.length === 3)
  expect(nameOf(await wire.request(UnregisterBroker, { brokerId: 4 }))).toBe('BROKER_ID_NOT_REGISTERED')
  await cluster.broker(4).restart()
  expect(await responded(known, (ids) => ids.length === 4)).toEqual([1, 2, 3, 4])
})

describe('log directories', () => {
  test('contain the logs evenly, report their sizes, and a log can move between them', async () => {
    const client = await start({ config: { 'log.dirs': '/a,/b' } })
    await client.produce(batchOf(['x']))
    const { leader } = status()
    const look = async () => {
      const { results } = await client.wire.request(DescribeLogDirs, { topics: [{ topic: 't', partitions: [0] }] })
      return results.flatMap(({ logDir, topics }) =>
        topics.flatMap(({ partitions }) =>
          partitions.map(({ partitionSize, isFutureKey, offsetLag }) => [
            logDir,
            partitionSize > 0n,
            isFutureKey,
            offsetLag,
          ]),
        ),
      )
    }
    expect(await look()).toEqual([['/a', true, false, 0n]])
    const move = (path: string) =>
      client.wire.request(AlterReplicaLogDirs, { dirs: [{ path, topics: [{ name: 't', partitions: [0] }] }] })
    expect(nameOf((await move('/c')).results[0]?.partitions[0])).toBe('LOG_DIR_NOT_FOUND')
    expect(nameOf((await move('/b')).results[0]?.partitions[0])).toBe('NONE')
    await responded(look, (logs) => logs.length === 1)
    expect(await look()).toEqual([['/b', true, false, 0n]])
    cluster.broker(leader).fillDisk()
    const { results } = await client.wire.request(DescribeLogDirs, { topics: [] })
    expect(results.map(({ usableBytes }) => usableBytes)).toEqual([0n, 0n])
  })
})

test('transactional ids can be described, and expire when they are not used', async () => {
  await start()
  const wire = await wireOf(1)
  const find = () => wire.request(FindCoordinator, { keyType: 1, coordinatorKeys: ['x'] })
  const { coordinators } = await responded(find, (response) => response.coordinators[0]?.errorCode === 0)
  const coordinator = await wireOf(coordinators[0]?.nodeId ?? 0)
  const init = () => coordinator.request(InitProducerId, { transactionalId: 'x', transactionTimeoutMs: 60_000 }, 4)
  await responded(init, ({ errorCode }) => errorCode === 0)
  expect(cluster.transactions()).toMatchObject([{ transactionalId: 'x', state: 'Empty', partitions: [] }])
  expect(cluster.state().transactions).toMatchObject([{ transactionalId: 'x', producerId: expect.any(String) }])
  await cluster.clock.advance('6d')
  expect(cluster.transactions()).toHaveLength(1)
  await cluster.clock.advance('2d')
  expect(cluster.transactions()).toEqual([])
})

test('idempotent producers expire, and then any sequence number is accepted', async () => {
  const client = await start()
  const batch = (baseSequence: number) =>
    batchOf(['a'], { producerId: 7n, producerEpoch: 0, baseSequence, timestamp: cluster.clock.now() })
  expect(nameOf(await client.produce(batch(0)))).toBe('NONE')
  expect(nameOf(await client.produce(batch(5)))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
  await cluster.clock.advance('25h')
  const again = await TopicClient.connect(cluster, 't')
  expect(nameOf(await again.produce(batch(5)))).toBe('NONE')
})

test('a reset heals the network and reverts operator actions', async () => {
  const client = await start()
  cluster.disconnect(1, 'controller')
  const heal = cluster.disconnect(2, 3)
  const [added = 0] = others(...status().replicas)
  cluster.broker(added).pauseReplication()
  await cluster.reassign('t', 0, [added])
  await client.wire.request(UnregisterBroker, { brokerId: 4 })
  await cluster.reset()
  await eventually(status, ({ isr }) => isr.length === 2)
  const { brokers } = await (await wireOf(1)).request(DescribeCluster, {
    includeClusterAuthorizedOperations: false,
    endpointType: 1,
    includeFencedBrokers: true,
  })
  expect(brokers.map(({ brokerId, isFenced }) => [brokerId, isFenced])).toEqual([1, 2, 3, 4].map((id) => [id, false]))
  cluster.disconnect(2, 3)
  heal()
  await cluster.reassign('t', 0, [2, 3])
  await arrived([2, 3])
  const again = await TopicClient.connect(cluster, 't')
  expect(nameOf(await again.produce(batchOf(['a']), { acks: 1 }))).toBe('NONE')
})

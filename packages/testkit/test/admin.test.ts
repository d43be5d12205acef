import {
  CreatePartitions,
  CreateTopics,
  DeleteRecords,
  DeleteTopics,
  ElectLeaders,
  errorOf,
  IncrementalAlterConfigs,
  InitProducerId,
  Metadata,
  zeroUuid,
} from '@ottla/codec'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClusterOptions, createCluster, type TestCluster } from '../src/index.ts'
import { batchOf } from './support/batches.ts'
import { eventually, TopicClient } from './support/topic-client.ts'
import { WireClient } from './support/wire-client.ts'

let cluster: TestCluster

afterEach(() => cluster.close())

async function start(options: ClusterOptions = {}): Promise<TopicClient> {
  cluster = await createCluster({
    brokers: 3,
    topics: [{ name: 't', partitions: 1, replicationFactor: 3 }],
    ...options,
    config: { 'broker.session.timeout.ms': 20, ...options.config },
  })
  return TopicClient.connect(cluster, 't')
}

const nameOf = ({ errorCode }: { readonly errorCode: number }) => errorOf(errorCode).name
const wireOf = (id: number) => WireClient.connect(cluster.runtime, cluster.bootstrap[id - 1] ?? '')

async function alter(wire: WireClient, resourceType: number, resourceName: string, name: string, value: string) {
  const configs = [{ name, configOperation: 0, value }]
  const body = { resources: [{ resourceType, resourceName, configs }], validateOnly: false }
  const { responses } = await wire.request(IncrementalAlterConfigs, body)
  return errorOf(responses[0]?.errorCode ?? -1).name
}

describe('configs', () => {
  test('of a topic take effect', async () => {
    const client = await start()
    expect(await alter(client.wire, 2, 't', 'max.message.bytes', '100')).toBe('NONE')
    expect(nameOf(await client.produce(batchOf(['x'.repeat(200)])))).toBe('MESSAGE_TOO_LARGE')
    expect(await alter(client.wire, 2, 't', 'min.insync.replicas', '3')).toBe('NONE')
    await cluster.broker(cluster.partition('t', 0).replicas[2] ?? 0).kill()
    await eventually(
      () => cluster.partition('t', 0).isr,
      (isr) => isr.length === 2,
    )
    expect(nameOf(await client.produce(batchOf(['a'])))).toBe('NOT_ENOUGH_REPLICAS')
    expect(await alter(client.wire, 2, 't', 'min.insync.replicas', '2')).toBe('NONE')
    expect(nameOf(await client.produce(batchOf(['a'])))).toBe('NONE')
  })

  test('of all brokers take effect for topics without their own', async () => {
    const client = await start()
    expect(await alter(client.wire, 4, '', 'message.max.bytes', '100')).toBe('NONE')
    expect(nameOf(await client.produce(batchOf(['x'.repeat(200)])))).toBe('MESSAGE_TOO_LARGE')
    expect(await alter(client.wire, 4, '', 'num.partitions', '7')).toBe('INVALID_REQUEST')
  })
})

describe('topics', () => {
  test('are created by a metadata request, once, and only if the request allows it', async () => {
    await start()
    const wire = await wireOf(1)
    const find = async (name: string, allowAutoTopicCreation = true) => {
      const body = { topics: [{ topicId: zeroUuid, name }], includeTopicAuthorizedOperations: false }
      const { topics } = await wire.request(Metadata, { ...body, allowAutoTopicCreation })
      return errorOf(topics[0]?.errorCode ?? -1).name
    }
    expect(await find('new', false)).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(cluster.topics()).toEqual(['t'])
    expect(await find('new')).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(await find('new')).toBe('NONE')
    expect(await find('no spaces')).toBe('INVALID_TOPIC_EXCEPTION')
    expect(cluster.topics()).toEqual(['t', 'new'])
  })

  test('that are deleted and created again have a new id', async () => {
    const client = await start()
    await client.produce(batchOf(['old']))
    const wire = await wireOf(1)
    await wire.request(DeleteTopics, { topics: [{ name: 't', topicId: zeroUuid }], timeoutMs: 1000 })
    const topic = { name: 't', numPartitions: 1, replicationFactor: 3, assignments: [], configs: [] }
    await wire.request(CreateTopics, { topics: [topic], timeoutMs: 1000 })
    expect(nameOf(await client.produce(batchOf(['a'])))).toBe('UNKNOWN_TOPIC_ID')
    expect((await (await TopicClient.connect(cluster, 't')).fetch()).values).toEqual([])
  })

  test('that are deleted end waiting requests', async () => {
    const client = await start()
    const held = client.fetch({ maxWaitMs: 60_000 })
    const wire = await wireOf(1)
    await wire.request(DeleteTopics, { topics: [{ name: 't', topicId: zeroUuid }], timeoutMs: 1000 })
    expect(nameOf(await held)).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  })

  test('that were deleted while a broker was down are removed when it restarts', async () => {
    await start()
    await cluster.broker(3).kill()
    const wire = await wireOf(1)
    await wire.request(DeleteTopics, { topics: [{ name: 't', topicId: zeroUuid }], timeoutMs: 1000 })
    await cluster.createTopic({ name: 't', partitions: 1, replicationFactor: 2 })
    await cluster.broker(3).restart()
    expect(cluster.replicas('t', 0).map(({ logEndOffset }) => logEndOffset)).toEqual([0, 0])
    expect((await (await TopicClient.connect(cluster, 't')).produce(batchOf(['a']))).errorCode).toBe(0)
  })

  test('get new partitions that can be written to immediately', async () => {
    await start()
    const wire = await wireOf(2)
    const grow = { topics: [{ name: 't', count: 3, assignments: null }], timeoutMs: 1000, validateOnly: false }
    expect((await wire.request(CreatePartitions, grow)).results[0]).toMatchObject({ errorCode: 0 })
    expect(cluster.partition('t', 2)).toMatchObject({ leaderEpoch: 0, highWatermark: 0 })
    expect(() => cluster.partition('t', 3)).toThrow(RangeError)
  })
})

describe('leaders', () => {
  test('return to the preferred replica on request', async () => {
    await start()
    const { leader } = cluster.partition('t', 0)
    await cluster.broker(leader).kill()
    await eventually(
      () => cluster.partition('t', 0).leader,
      (id) => id !== leader && id > 0,
    )
    await cluster.broker(leader).restart()
    await eventually(
      () => cluster.partition('t', 0).isr,
      (isr) => isr.length === 3,
    )
    const wire = await wireOf(1)
    const elect = { electionType: 0, topicPartitions: [{ topic: 't', partitions: [0] }] }
    const { replicaElectionResults } = await wire.request(ElectLeaders, elect)
    expect(replicaElectionResults[0]?.partitionResult[0]?.errorCode).toBe(0)
    expect(cluster.partition('t', 0)).toMatchObject({ leader, leaderEpoch: 2 })
  })

  test('return automatically after leader.imbalance.check.interval.seconds', async () => {
    await start({ config: { 'leader.imbalance.check.interval.seconds': 0 } })
    const { leader } = cluster.partition('t', 0)
    await cluster.broker(leader).kill()
    await eventually(
      () => cluster.partition('t', 0).leader,
      (id) => id !== leader && id > 0,
    )
    await cluster.broker(leader).restart()
    await eventually(
      () => cluster.partition('t', 0).leader,
      (id) => id === leader,
    )
  })

  test('are out of sync only after an unclean election', async () => {
    const client = await start({ config: { 'replica.lag.time.max.ms': 20 } })
    const { leader, replicas } = cluster.partition('t', 0)
    for (const id of replicas) if (id !== leader) cluster.broker(id).pauseReplication()
    await client.produce(batchOf(['lost']), { acks: 1 })
    await eventually(
      () => cluster.partition('t', 0).isr,
      (isr) => isr.length === 1,
    )
    await cluster.broker(leader).kill()
    await eventually(
      () => cluster.partition('t', 0).leader,
      (id) => id === -1,
    )
    const wire = await wireOf(replicas.find((id) => id !== leader) ?? 0)
    const elect = { electionType: 1, topicPartitions: [{ topic: 't', partitions: [0] }] }
    const { replicaElectionResults } = await wire.request(ElectLeaders, elect)
    expect(replicaElectionResults[0]?.partitionResult[0]?.errorCode).toBe(0)
    const chosen = cluster.partition('t', 0)
    expect(chosen.isr).toEqual([chosen.leader])
    expect(chosen.leader).not.toBe(leader)
  })
})

test('deletes records on all live replicas before the response', async () => {
  const client = await start()
  for (const value of ['a', 'b', 'c']) await client.produce(batchOf([value]))
  const body = { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 2n }] }], timeoutMs: 5000 }
  const { topics } = await client.wire.request(DeleteRecords, body)
  expect(topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 2n })
  expect(cluster.replicas('t', 0).map(({ logStartOffset }) => logStartOffset)).toEqual([2, 2, 2])
  expect(nameOf(await client.fetch({ fetchOffset: 1 }))).toBe('OFFSET_OUT_OF_RANGE')
  expect((await client.fetch({ fetchOffset: 2 })).values).toEqual(['c'])
  const again = { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 1n }] }], timeoutMs: 5000 }
  const response = await client.wire.request(DeleteRecords, again)
  expect(response.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 2n })
})

test('assigns unique producer ids on all brokers', async () => {
  await start()
  const ids = []
  for (const id of [1, 2, 3]) {
    const response = await (await wireOf(id)).request(InitProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 1000,
    })
    ids.push(response.producerId)
  }
  expect(new Set(ids).size).toBe(3)
})

test('rejects a transactional id on a broker that is not its coordinator', async () => {
  await start()
  const response = await (await wireOf(1)).request(InitProducerId, { transactionalId: 'x', transactionTimeoutMs: 1000 })
  expect(errorOf(response.errorCode)).toMatchObject({ name: 'NOT_COORDINATOR', retriable: true })
})

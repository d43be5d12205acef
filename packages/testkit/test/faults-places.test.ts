import {
  AddPartitionsToTxn,
  DescribeTransactions,
  errorOf,
  Fetch,
  FindCoordinator,
  InitProducerId,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  TxnOffsetCommit,
  zeroUuid,
} from '@ottla/codec'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCluster, type TestCluster } from '../src/index.ts'
import { ShareClient, until } from './support/share-client.ts'
import { TopicClient } from './support/topic-client.ts'
import { WireClient } from './support/wire-client.ts'

let cluster: TestCluster
let wire: WireClient

beforeEach(async () => {
  const topics = [{ name: 't', partitions: 2 }, { name: 'u' }]
  cluster = await createCluster({ brokers: 1, topics, traffic: true })
  wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
})

afterEach(() => cluster.close())

const nameOf = (code: number) => errorOf(code).name
const idOf = (topic: string) => cluster.state().topics.find(({ name }) => name === topic)?.topicId ?? zeroUuid

async function coordinatorFor(keyType: number, key: string): Promise<void> {
  await until('the coordinator serves', async () => {
    const { coordinators } = await wire.request(FindCoordinator, { keyType, coordinatorKeys: [key] })
    return coordinators[0]?.errorCode === 0
  })
}

describe('an error of one partition of OffsetFetch', () => {
  beforeEach(async () => {
    await coordinatorFor(0, 'g')
    const body = {
      ...{ groupId: 'g', memberId: '', generationIdOrMemberEpoch: -1 },
      topics: [
        { name: 't', partitions: [0, 1].map((partitionIndex) => committed(partitionIndex)) },
        { name: 'u', partitions: [committed(0)] },
      ],
    }
    await until('the offsets are committed', async () => {
      const { topics } = await wire.request(OffsetCommit, body, 9)
      return topics.every(({ partitions }) => partitions.every(({ errorCode }) => errorCode === 0))
    })
  })

  const committed = (partitionIndex: number) => ({ partitionIndex, committedOffset: 7n, committedMetadata: '' })

  /** The error of each partition, by the topic's name. */
  async function fetchOffsets(version: number, isForAll = false): Promise<Record<string, string>> {
    const names = ['t', 'u']
    const wanted = names.map((name) => ({ name, topicId: idOf(name), partitionIndexes: name === 't' ? [0, 1] : [0] }))
    const topics = isForAll ? null : wanted
    const one = { groupId: 'g', memberId: null, memberEpoch: -1, topics }
    const response = await wire.request(OffsetFetch, version < 8 ? one : { groups: [one] }, version)
    const found = (version < 8 ? response.topics : response.groups[0]?.topics) ?? []
    const entries = found.flatMap(({ partitions, ...topic }) => {
      const name = 'name' in topic && topic.name ? topic.name : names.find((each) => idOf(each) === topicIdOf(topic))
      return partitions.map((each): [string, string] => [`${name}-${each.partitionIndex}`, nameOf(each.errorCode)])
    })
    return Object.fromEntries(entries.sort())
  }

  const topicIdOf = (topic: object): unknown => ('topicId' in topic ? topic.topicId : undefined)
  const versions = Array.from({ length: 10 }, (_, i) => i + 1)
  const expected = { 't-0': 'NONE', 't-1': 'UNSTABLE_OFFSET_COMMIT', 'u-0': 'NONE' }

  test.each(versions)('leaves the other partitions and topics as they are (v%i)', async (version) => {
    const match = { api: 'OffsetFetch', group: 'g', topic: 't', partition: 1 } as const
    const fault = cluster.faults.add({ match, action: { error: 'UNSTABLE_OFFSET_COMMIT' } })
    expect([await fetchOffsets(version), fault.hits]).toEqual([expected, 1])
    expect(new Set(Object.values(await fetchOffsets(version)))).toEqual(new Set(['NONE']))
  })

  test.each(versions.slice(1))('also matches a request for all offsets of the group (v%i)', async (version) => {
    const match = { api: 'OffsetFetch', topic: 't', partition: 1 } as const
    cluster.faults.add({ match, action: { error: 'UNSTABLE_OFFSET_COMMIT' } })
    expect(await fetchOffsets(version, true)).toEqual(expected)
  })

  test.each(versions)('does not match another group, topic or partition (v%i)', async (version) => {
    const action = { error: 'UNSTABLE_OFFSET_COMMIT' } as const
    for (const match of [{ group: 'other', topic: 't' }, { topic: 'x' }, { topic: 'u', partition: 1 }]) {
      cluster.faults.add({ match: { api: 'OffsetFetch', ...match }, trigger: 'always', action })
    }
    expect(new Set(Object.values(await fetchOffsets(version)))).toEqual(new Set(['NONE']))
    expect(cluster.faults.list().map(({ hits }) => hits)).toEqual([0, 0, 0])
  })

  test.each(versions.slice(7))('an error of the group has no partitions (v%i)', async (version) => {
    cluster.faults.add({ match: { api: 'OffsetFetch', group: 'g' }, action: { error: 'NOT_COORDINATOR' } })
    const groups = [{ groupId: 'g', memberId: null, memberEpoch: -1, topics: null }]
    const response = await wire.request(OffsetFetch, { groups }, version)
    expect(response.groups).toMatchObject([{ groupId: 'g', errorCode: 16, topics: [] }])
  })
})

describe('an error of one partition of AddPartitionsToTxn', () => {
  test.each([0, 3, 4, AddPartitionsToTxn.versions.max])(
    'leaves the other partitions as they are (v%i)',
    async (version) => {
      await coordinatorFor(1, 'tx')
      const init = { transactionalId: 'tx', transactionTimeoutMs: 60_000 }
      let producer = await wire.request(InitProducerId, init, 4)
      await until('the producer has its id', async () => {
        producer = await wire.request(InitProducerId, init, 4)
        return producer.errorCode === 0
      })
      const { producerId, producerEpoch } = producer
      const topics = [
        { name: 't', partitions: [0, 1] },
        { name: 'u', partitions: [0] },
      ]
      const match = { api: 'AddPartitionsToTxn', transactionalId: 'tx', topic: 't', partition: 1 } as const
      const fault = cluster.faults.add({ match, action: { error: 'CONCURRENT_TRANSACTIONS' } })
      const other = { ...match, transactionalId: 'other' }
      const unused = cluster.faults.add({ match: other, action: { error: 'CONCURRENT_TRANSACTIONS' } })
      const transaction = { transactionalId: 'tx', producerId, producerEpoch, verifyOnly: false, topics }
      const own = {
        v3AndBelowTransactionalId: 'tx',
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: topics,
      }
      const response = await wire.request(
        AddPartitionsToTxn,
        version < 4 ? own : { transactions: [transaction] },
        version,
      )
      const found = version < 4 ? response.resultsByTopicV3AndBelow : response.resultsByTransaction[0]?.topicResults
      const errors = (found ?? []).flatMap(({ name, resultsByPartition }) =>
        resultsByPartition.map((each) => [`${name}-${each.partitionIndex}`, nameOf(each.partitionErrorCode)]),
      )
      expect(Object.fromEntries(errors)).toEqual({ 't-0': 'NONE', 't-1': 'CONCURRENT_TRANSACTIONS', 'u-0': 'NONE' })
      expect([fault.hits, unused.hits]).toEqual([1, 0])
      expect(cluster.transactions()[0]?.partitions).toEqual([
        { topic: 't', partition: 0 },
        { topic: 'u', partition: 0 },
      ])
    },
  )
})

test('a rule by transactional id matches DescribeTransactions', async () => {
  const match = { api: 'DescribeTransactions', transactionalId: 'tx' } as const
  cluster.faults.add({ match, action: { error: 'COORDINATOR_LOAD_IN_PROGRESS' } })
  const { transactionStates } = await wire.request(DescribeTransactions, { transactionalIds: ['tx', 'ty'] })
  expect(transactionStates.find(({ transactionalId }) => transactionalId === 'tx')?.errorCode).toBe(14)
})

test('a rule by group matches the offsets of a transaction', async () => {
  const match = { api: 'TxnOffsetCommit', group: 'g' } as const
  const fault = cluster.faults.add({ match, action: { error: 'COORDINATOR_LOAD_IN_PROGRESS' } })
  const topics = [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '' }] }]
  const body = { transactionalId: 'tx', groupId: 'g', producerId: 1n, producerEpoch: 0, topics }
  const response = await wire.request(TxnOffsetCommit, body)
  expect([fault.hits, response.topics[0]?.partitions[0]?.errorCode]).toEqual([1, 14])
})

test('an error of one partition in metadata leaves the others and their replicas as they are', async () => {
  const match = { api: 'Metadata', topic: 't', partition: 1 } as const
  cluster.faults.add({ match, action: { error: 'LEADER_NOT_AVAILABLE' } })
  const { topics } = await wire.request(Metadata, {
    topics: [{ topicId: zeroUuid, name: 't' }],
    allowAutoTopicCreation: false,
    includeTopicAuthorizedOperations: false,
  })
  const partitions = [...(topics[0]?.partitions ?? [])].sort((a, b) => a.partitionIndex - b.partitionIndex)
  expect([topics[0]?.errorCode, topics[0]?.topicId]).toEqual([0, idOf('t')])
  expect(partitions).toMatchObject([
    { partitionIndex: 0, errorCode: 0, leaderId: 1 },
    { partitionIndex: 1, errorCode: 5, leaderId: -1, replicaNodes: [1], isrNodes: [1] },
  ])
})

test("an error at 'response' is for the whole request, also where a rule names a topic", async () => {
  const client = await TopicClient.connect(cluster, 't')
  const match = { api: 'Fetch', topic: 't' } as const
  const action = { error: 'FETCH_SESSION_ID_NOT_FOUND', at: 'response' } as const
  const fault = cluster.faults.add({ match, trigger: 'always', action })
  await expect(client.fetch()).rejects.toThrow('No response for the partition')
  const ofOther = { topicId: idOf('u'), partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 }] }
  const body = { maxWaitMs: 0, minBytes: 0, topics: [ofOther], forgottenTopicsData: [] }
  expect((await wire.request(Fetch, body)).errorCode).toBe(0)
  // Version 6 has no error for the whole response.
  expect((await wire.request(Fetch, { ...body, topics: [{ ...ofOther, topic: 't' }] }, 6)).responses).toHaveLength(1)
  expect(fault.hits).toBe(1)
})

test('requests that name a deleted topic by its id are found by its name', async () => {
  const client = await TopicClient.connect(cluster, 't')
  const match = { api: 'Fetch', topic: 't' } as const
  await client.fetch()
  const topicId = idOf('t')
  await cluster.reset()
  await cluster.createTopic({ name: 'other' })
  await client.fetch().catch(() => {})
  const seen = cluster.saw(match)
  expect(seen.map(({ request }) => request.topics)).toMatchObject([[{ topicId }]])
})

test('an error of a partition of a share session acquires nothing, and the session keeps the partition', async () => {
  const member = new ShareClient(cluster, 'g', { memberId: 'one' })
  await member.configure({ 'share.auto.offset.reset': 'earliest' })
  await member.join()
  await until('the session is open', async () => (await member.fetchRaw()).errorCode === 0)
  await member.produce('a')
  const match = { api: 'ShareFetch', topic: 't', partition: 0 } as const
  const fault = cluster.faults.add({ match, action: { error: 'NOT_LEADER_OR_FOLLOWER' } })
  const failed = await member.fetchRaw({ maxWaitMs: 0 })
  expect([fault.hits, failed.errorCode, failed.responses[0]?.partitions[0]?.errorCode]).toEqual([1, 0, 6])
  let taken = await member.fetch()
  await until('the record is acquired', async () => {
    if (taken.length === 0) taken = await member.fetch()
    return taken.length > 0
  })
  expect(taken).toEqual([{ value: 'a', offset: 0, deliveryCount: 1 }])
  member.close()
})

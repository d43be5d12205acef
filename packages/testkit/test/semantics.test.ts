import {
  AddOffsetsToTxn,
  errorOf,
  Fetch,
  IncrementalAlterConfigs,
  OffsetFetch,
  Produce,
  TxnOffsetCommit,
  zeroUuid,
} from '@ottla/codec'
import { createCluster } from '@ottla/testkit'
import { expect, test } from 'vitest'
import { addPartitions, begin, end, isTransient } from './conformance/transactions.ts'
import { coordinatorLoaded, offsetCommitted } from './not-constant/changes.ts'
import { inWorld, type World } from './not-constant/world.ts'
import { batchOf, recordsOf } from './support/batches.ts'
import { TopicClient } from './support/topic-client.ts'

test('a waiting fetch ends when another broker becomes the leader', async () => {
  await using cluster = await createCluster({
    brokers: 2,
    topics: [{ name: 't', partitions: 1, replicationFactor: 2 }],
  })
  const { leader, leaderEpoch, replicas } = cluster.partition('t', 0)
  const client = await TopicClient.connect(cluster, 't')
  const held = client.fetch({ maxWaitMs: 60_000, currentLeaderEpoch: leaderEpoch })
  await cluster.reassign('t', 0, [...replicas].reverse())
  expect(await cluster.electLeader('t', 0, 'preferred')).toBe('NONE')
  expect(cluster.partition('t', 0).leader).not.toBe(leader)
  expect(errorOf((await held).errorCode).name).toBe('FENCED_LEADER_EPOCH')
})

const value = { transactionalId: 'x', acks: -1, timeoutMs: 5000 }

/** Writes like clients before KIP-890. */
async function write({ stage }: World, producer: { producerId: bigint; producerEpoch: number }, baseSequence: number) {
  const records = batchOf([`v${baseSequence}`], { ...producer, baseSequence, transactional: true })
  const topicData = [{ name: 't', topicId: zeroUuid, partitionData: [{ index: 0, records }] }]
  const { responses } = await stage.do(Produce, 10, { ...value, topicData })
  return errorOf(responses[0]?.partitionResponses[0]?.errorCode ?? -1).name
}

async function committed({ stage }: World): Promise<string[]> {
  const partitions = [
    { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1, logStartOffset: -1n },
  ]
  const { responses } = await stage.do(Fetch, 12, {
    ...{
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1 << 20,
      isolationLevel: 1,
      sessionId: 0,
      sessionEpoch: -1,
    },
    topics: [
      {
        topic: 't',
        topicId: zeroUuid,
        partitions: partitions.map((each) => ({ ...each, partitionMaxBytes: 1 << 20 })),
      },
    ],
    ...{ forgottenTopicsData: [], rackId: '' },
  })
  const values = recordsOf(responses[0]?.partitions[0]?.records ?? null).map((record) => record.value)
  return values.filter((each) => each.startsWith('v'))
}

test('a late record of an older client is in the next transaction when writes are not verified', async () => {
  await inWorld(1, async (world) => {
    const { stage } = world
    const producer = await begin(stage, 'x')
    await addPartitions(stage, 'x', producer, 't')
    expect(await write(world, producer, 0)).toBe('NONE')
    await end(stage, 'x', producer, true)
    expect(await write(world, producer, 1)).toBe('INVALID_TXN_STATE')
    const config = { name: 'transaction.partition.verification.enable', configOperation: 0, value: 'false' }
    await stage.do(IncrementalAlterConfigs, 1, {
      resources: [{ resourceType: 4, resourceName: '', configs: [config] }],
      validateOnly: false,
    })
    await stage.until('writes are not verified', async () => (await write(world, producer, 1)) === 'NONE')
    expect(await committed(world)).toEqual(['v0'])
    await addPartitions(stage, 'x', producer, 't')
    await end(stage, 'x', producer, true)
    expect(await committed(world)).toEqual(['v0', 'v1'])
  })
})

test('offsets do not expire while a transaction has pending ones', async () => {
  const config = { 'offsets.retention.minutes': 1, 'offsets.retention.check.interval.ms': 1000 }
  await inWorld(
    1,
    async (world) => {
      const { stage, cluster } = world
      const offset = async () => {
        const topics = [{ name: 't', topicId: zeroUuid, partitionIndexes: [0] }]
        const groups = [{ groupId: 'g', memberId: null, memberEpoch: -1, topics }]
        const response = await stage.do(OffsetFetch, 9, { groupId: '', topics: [], groups, requireStable: false })
        return response.groups[0]?.topics[0]?.partitions[0]?.committedOffset
      }
      await coordinatorLoaded.make(world)
      const { producerId, producerEpoch } = await begin(stage, 'x', 600_000)
      await offsetCommitted.make(world)
      const producer = { transactionalId: 'x', producerId, producerEpoch }
      await stage.until('the group is in the transaction', async () => {
        const { errorCode } = await stage.do(AddOffsetsToTxn, 3, { ...producer, groupId: 'g' })
        if (errorCode !== 0 && !isTransient(errorCode)) throw new Error(`error ${errorCode}`)
        return errorCode === 0
      })
      const partitions = [{ partitionIndex: 0, committedOffset: 9n, committedLeaderEpoch: -1, committedMetadata: null }]
      await stage.do(TxnOffsetCommit, 3, {
        ...{ ...producer, groupId: 'g', generationId: -1, memberId: '', groupInstanceId: null },
        topics: [{ name: 't', partitions }],
      })
      await cluster.clock.advance('5m')
      expect(await offset()).toBe(5n)
      // The next producer of the id aborts the transaction: no offset is pending any more.
      await begin(stage, 'x')
      await cluster.clock.advance('2m')
      expect(await offset()).toBe(-1n)
    },
    config,
  )
})

import {
  AddOffsetsToTxn,
  type Api,
  DescribeProducers,
  DescribeTransactions,
  EndTxn,
  Fetch,
  OffsetFetch,
  Produce,
  TxnOffsetCommit,
} from '@ottla/codec'
import { batchOf } from '../../support/batches.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'
import { abandon, addPartitions, atRest, begin, end, isTransient, type Producer } from '../transactions.ts'

const timeoutMs = 10_000
/** The first versions in which clients add partitions and offsets implicitly, and each end raises the epoch (KIP-890). */
const firstEndOfV2 = 5

async function write<A extends Api>(
  stage: Stage<A>,
  topic: string,
  {
    transactionalId,
    producerId,
    producerEpoch,
    baseSequence = 0,
  }: Producer & { transactionalId: string; baseSequence?: number },
  version = 11,
): Promise<void> {
  const records = batchOf(['v'], { producerId, producerEpoch, baseSequence, transactional: true })
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }]
  await stage.until('a record in the transaction', async () => {
    const { responses } = await stage.do(Produce, version, { transactionalId, acks: -1, timeoutMs, topicData })
    const code = responses[0]?.partitionResponses[0]?.errorCode ?? -1
    if (code !== 0 && !isTransient(code)) throw new Error(`Produce failed with error ${code}`)
    return code === 0
  })
}

/** Records the state of the transaction and its records in the log. */
async function look<A extends Api>(stage: Stage<A>, transactionalId: string, topic: string): Promise<void> {
  const on = await stage.coordinator(transactionalId, 'transaction')
  await atRest(stage, transactionalId, on)
  await stage.note('stands', DescribeTransactions, 0, { transactionalIds: [transactionalId] }, { on })
  const topics = [{ topic, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }] }]
  const body = { maxWaitMs: 0, minBytes: 0, isolationLevel: 1, topics, forgottenTopicsData: [] }
  await stage.note('left', Fetch, 12, body)
}

export const addOffsetsToTxn = conformance(AddOffsetsToTxn, {
  async valid(stage) {
    // The partition of the group's offsets depends on its name.
    stage.drop('partitions')
    const transactionalId = stage.name('id')
    const { producerId, producerEpoch, coordinator: on } = await begin(stage, transactionalId)
    const body = { transactionalId, producerId, producerEpoch, groupId: stage.name('g') }
    await stage.ask('adds a group', body, { on })
    await stage.ask('again', body, { on })
    await stage.note('stands', DescribeTransactions, 0, { transactionalIds: [transactionalId] }, { on })
    await abandon(stage, transactionalId)
  },
  async invalid(stage) {
    const id = { transactionalId: stage.name('id'), producerId: 5n, producerEpoch: 0 }
    await stage.ask('no transactional id', { ...id, transactionalId: '', groupId: stage.name('g') })
    const { producerId, producerEpoch, coordinator: on } = await begin(stage, id.transactionalId)
    await stage.ask('no group', { ...id, producerId, producerEpoch, groupId: '' }, { on })
    await stage.ask('another producer', { ...id, producerEpoch, groupId: stage.name('g') }, { on })
  },
  async wrongState(stage) {
    const transactionalId = stage.name('id')
    const groupId = stage.name('g')
    const { producerId, producerEpoch, coordinator: on } = await begin(stage, transactionalId)
    const identity = { transactionalId, producerId, producerEpoch, groupId }
    await stage.ask('a later epoch', { ...identity, producerEpoch: producerEpoch + 3 }, { on })
    const elsewhere = await stage.open({ broker: await otherBroker(stage, transactionalId) })
    await stage.ask('another coordinator', identity, { on: elsewhere })
    const unknown = stage.name('unknown')
    const theirs = await stage.coordinator(unknown, 'transaction')
    await stage.ask('an unknown id', { ...identity, transactionalId: unknown }, { on: theirs })
    await begin(stage, transactionalId)
    await stage.ask('fenced', identity, { on })
  },
})

/** A broker that is not the id's coordinator. */
async function otherBroker<A extends Api>(stage: Stage<A>, transactionalId: string): Promise<number> {
  return ((await stage.coordinatorId(transactionalId, 'transaction')) % 3) + 1
}

export const endTxn = conformance(EndTxn, {
  async valid(stage, version) {
    for (const committed of [true, false]) {
      const topic = stage.name(`t-${committed}`)
      await stage.createTopic(topic)
      const transactionalId = stage.name(`id-${committed}`)
      const producer = await begin(stage, transactionalId)
      const { producerId, producerEpoch, coordinator: on } = producer
      if (version < firstEndOfV2) await addPartitions(stage, transactionalId, producer, topic)
      await write(stage, topic, { ...producer, transactionalId }, version < firstEndOfV2 ? 11 : 12)
      const how = committed ? 'commits' : 'aborts'
      await stage.ask(how, { transactionalId, producerId, producerEpoch, committed }, { on })
      await atRest(stage, transactionalId, on)
      await stage.ask(`${how} again`, { transactionalId, producerId, producerEpoch, committed }, { on })
      await look(stage, transactionalId, topic)
    }
  },
  async invalid(stage) {
    const transactionalId = stage.name('id')
    await stage.ask('no transactional id', { transactionalId: '', producerId: 5n, producerEpoch: 0, committed: true })
    const { producerEpoch, coordinator: on } = await begin(stage, transactionalId)
    await stage.ask('another producer', { transactionalId, producerId: 5n, producerEpoch, committed: true }, { on })
    await stage.ask('no producer', { transactionalId, producerId: -1n, producerEpoch: -1, committed: true }, { on })
  },
  async wrongState(stage) {
    const transactionalId = stage.name('id')
    const { producerId, producerEpoch, coordinator: on } = await begin(stage, transactionalId)
    const identity = { transactionalId, producerId, producerEpoch }
    await stage.ask('commits nothing', { ...identity, committed: true }, { on })
    await stage.ask('a later epoch', { ...identity, producerEpoch: producerEpoch + 3, committed: true }, { on })
    const elsewhere = await stage.open({ broker: await otherBroker(stage, transactionalId) })
    await stage.ask('another coordinator', { ...identity, committed: true }, { on: elsewhere })
    const unknown = stage.name('unknown')
    const theirs = await stage.coordinator(unknown, 'transaction')
    await stage.ask('an unknown id', { ...identity, transactionalId: unknown, committed: true }, { on: theirs })
    const topic = stage.name('t')
    await stage.createTopic(topic)
    const next = await begin(stage, transactionalId)
    await stage.ask('fenced', { ...identity, committed: true }, { on })
    await addPartitions(stage, transactionalId, next, topic)
    await end(stage, transactionalId, next, true)
    const late = { transactionalId, producerId: next.producerId, producerEpoch: next.producerEpoch, committed: false }
    await stage.ask('aborts what is committed', late, { on })
    await atRest(stage, transactionalId, on)
    await stage.note('stands', DescribeTransactions, 0, { transactionalIds: [transactionalId] }, { on })
  },
})

type OffsetStage = Stage<typeof TxnOffsetCommit>

const offsetsOf = (name: string, partitionIndex = 0, committedMetadata: string | null = 'm') => [
  { name, partitions: [{ partitionIndex, committedOffset: 7n, committedMetadata }] },
]

async function offsetsBed(stage: OffsetStage, version: number) {
  const topic = stage.name('t')
  await stage.createTopic(topic)
  const transactionalId = stage.name('id')
  const groupId = stage.name('g')
  const producer = await begin(stage, transactionalId)
  const { producerId, producerEpoch, coordinator } = producer
  const on = await stage.coordinator(groupId)
  const identity = { transactionalId, groupId, producerId, producerEpoch }
  // From version 5 the commit adds the group implicitly.
  if (version < 5) await stage.do(AddOffsetsToTxn, 3, identity, { on: coordinator })
  return { topic, transactionalId, groupId, producer, on, identity }
}

export const txnOffsetCommit = conformance(TxnOffsetCommit, {
  async valid(stage, version) {
    const { topic, transactionalId, groupId, producer, on, identity } = await offsetsBed(stage, version)
    await stage.ask('commits an offset', { ...identity, topics: offsetsOf(topic) }, { on })
    const groups = [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }]
    await stage.note('is it there', OffsetFetch, 8, { groups, requireStable: true }, { on })
    await end(stage, transactionalId, producer, true)
    await stage.until('stable', async () => {
      const response = await stage.do(OffsetFetch, 8, { groups, requireStable: true }, { on })
      return response.groups[0]?.topics[0]?.partitions[0]?.errorCode === 0
    })
    await stage.note('is it there now', OffsetFetch, 8, { groups, requireStable: true }, { on })
  },
  async invalid(stage, version) {
    const { topic, transactionalId, on, identity } = await offsetsBed(stage, version)
    await stage.ask('too much metadata', { ...identity, topics: offsetsOf(topic, 0, 'm'.repeat(5000)) }, { on })
    await stage.ask('no such partition', { ...identity, topics: offsetsOf(topic, 9) }, { on })
    await stage.ask('no such topic', { ...identity, topics: offsetsOf(stage.name('none')) }, { on })
    await stage.ask('no group', { ...identity, groupId: '', topics: offsetsOf(topic) })
    await abandon(stage, transactionalId)
  },
  async wrongState(stage, version) {
    const { topic, transactionalId, groupId, on, identity } = await offsetsBed(stage, version)
    const topics = offsetsOf(topic)
    if (version >= 3) {
      await stage.ask('an unknown member', { ...identity, memberId: 'stranger', generationId: 1, topics }, { on })
      await stage.ask('a generation without a member', { ...identity, generationId: 4, topics }, { on })
      await stage.ask('an unknown instance', { ...identity, groupInstanceId: 'i', topics }, { on })
    }
    await stage.ask('a later epoch', { ...identity, producerEpoch: identity.producerEpoch + 3, topics }, { on })
    const other = ((await stage.coordinatorId(groupId)) % 3) + 1
    await stage.ask('another coordinator', { ...identity, topics }, { on: await stage.open({ broker: other }) })
    await abandon(stage, transactionalId)
    await stage.ask('fenced', { ...identity, topics }, { on })
  },
})

export const describeProducers = conformance(DescribeProducers, {
  async valid(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic, { partitions: 2 })
    const transactionalId = stage.name('id')
    const producer = await begin(stage, transactionalId)
    const asked = { topics: [{ name: topic, partitionIndexes: [0, 1] }] }
    await stage.ask('no producer', asked)
    await addPartitions(stage, transactionalId, producer, topic)
    await write(stage, topic, { ...producer, transactionalId })
    await stage.ask('an open transaction', asked)
    await end(stage, transactionalId, producer, true)
    await stage.ask('after its end', asked)
  },
  async invalid(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic)
    await stage.ask('a negative partition', { topics: [{ name: topic, partitionIndexes: [-1] }] })
    await stage.ask('nothing', { topics: [] })
    await stage.ask('a strange name', { topics: [{ name: 'not a name', partitionIndexes: [0] }] })
  },
  async wrongState(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic)
    await stage.ask('no such partition', { topics: [{ name: topic, partitionIndexes: [9] }] })
    await stage.ask('no such topic', { topics: [{ name: stage.name('none'), partitionIndexes: [0] }] })
    const on = await stage.open({ broker: 2 })
    await stage.ask('another broker leads', { topics: [{ name: topic, partitionIndexes: [0] }] }, { on })
  },
})

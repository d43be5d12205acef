import { DescribeShareGroupOffsets, type Encodable, zeroUuid } from '@ottla/codec'
import { Held } from '../state/held.ts'
import { toldPlainly } from '../state/shares/share-group-service.ts'
import { readSummaries } from '../state/shares/share-offsets.ts'
import type { ShareKey } from '../state/shares/share-state-records.ts'
import type { ShareFailure, StateSummary } from '../state/shares/share-state-shard.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { failureOf } from './share-state-support.ts'

type Response = Encodable<typeof DescribeShareGroupOffsets.response>
type GroupResponse = Response['groups'][number]
type TopicResponse = GroupResponse['topics'][number]
type PartitionResponse = TopicResponse['partitions'][number]

interface Wanted {
  readonly topicId: string
  readonly topicName: string
  readonly partitions: readonly number[]
}

const handle: Handler<typeof DescribeShareGroupOffsets> = (context, request) => {
  const held = new Held<Response>(context.cluster.runtime)
  const groups: GroupResponse[] = []
  let open = request.groups.length
  if (open === 0) return { throttleTimeMs: 0, groups }
  for (const [index, { groupId, topics }] of request.groups.entries()) {
    const done = (group: GroupResponse) => {
      groups[index] = group
      if (--open === 0) held.complete({ throttleTimeMs: 0, groups })
    }
    if (topics === null) describeAll(context, groupId, done)
    else describeNamed(context, groupId, topics, done)
  }
  return held
}

function describeAll(context: HandlerContext, groupId: string, done: (group: GroupResponse) => void): void {
  const { view, services } = context.broker
  const shard = services.groups.shardOf(groupId)
  if (typeof shard === 'string') {
    done({ groupId, topics: [], ...toldPlainly(shard) })
    return
  }
  const initialized = shard.shares.stateTopicsOf(groupId)?.initialized ?? new Map()
  const wanted = [...initialized].flatMap(([topicId, { partitions }]): Wanted[] => {
    const topic = view.topicById(topicId)
    const inOrder = [...(partitions as ReadonlySet<number>)].sort((a, b) => a - b)
    return topic === undefined ? [] : [{ topicId, topicName: topic.name, partitions: inOrder }]
  })
  read(context, groupId, wanted, (topics) => done(groupOf(groupId, topics)))
}

function describeNamed(
  context: HandlerContext,
  groupId: string,
  topics: readonly { readonly topicName: string; readonly partitions: readonly number[] }[],
  done: (group: GroupResponse) => void,
): void {
  const wanted: Wanted[] = []
  const unknown: TopicResponse[] = []
  for (const { topicName, partitions } of topics) {
    const topic = context.broker.view.topic(topicName)
    if (topic !== undefined) wanted.push({ topicId: topic.id, topicName, partitions })
    else {
      const missing = partitions.map((partitionIndex) => partitionOf(partitionIndex, { startOffset: -1 }))
      unknown.push({ topicName, topicId: zeroUuid, partitions: missing })
    }
  }
  read(context, groupId, wanted, (found) => done(groupOf(groupId, [...found, ...unknown])))
}

function read(
  context: HandlerContext,
  groupId: string,
  wanted: readonly Wanted[],
  done: (topics: TopicResponse[]) => void,
): void {
  const keys = wanted.flatMap(({ topicId, partitions }) =>
    partitions.map((partition): ShareKey => ({ groupId, topicId, partition })),
  )
  readSummaries(context.broker.services.shareGroups, keys, (results) => {
    const topics = wanted.map(({ topicId, topicName }): TopicResponse => {
      const partitions = results
        .filter(({ key }) => key.topicId === topicId)
        .map(({ key, result }) => summaryOf(context, topicName, key.partition, result))
      return { topicName, topicId, partitions }
    })
    done(topics.filter(({ partitions }) => partitions.length > 0))
  })
}

function summaryOf(
  context: HandlerContext,
  topicName: string,
  partitionIndex: number,
  result: StateSummary | ShareFailure,
): PartitionResponse {
  // A failed read looks like a missing state.
  if (failureOf(result) !== undefined) return partitionOf(partitionIndex, { startOffset: -1 })
  const { startOffset, leaderEpoch, deliveryCompleteCount } = result as StateSummary
  if (startOffset === -1 || deliveryCompleteCount === -1)
    return partitionOf(partitionIndex, { startOffset, leaderEpoch })
  const end = endOf(context, topicName, partitionIndex)
  if (end === undefined) {
    return { ...partitionOf(partitionIndex, { startOffset: 0 }), ...toldPlainly('LEADER_NOT_AVAILABLE') }
  }
  const lag = end - startOffset - deliveryCompleteCount
  return partitionOf(partitionIndex, { startOffset, leaderEpoch, lag })
}

/** The high watermark of the partition's leader. */
function endOf({ broker, cluster }: HandlerContext, topic: string, partition: number): number | undefined {
  const leader = broker.leaderOf(topic, partition) ?? -1
  const peer = cluster.broker(leader)
  const isReachable = peer?.isUp && !peer.isPaused && (leader === broker.id || cluster.links.isOpen(broker.id, leader))
  const replica = isReachable ? peer.replica(topic, partition) : undefined
  return replica?.isLeader ? replica.highWatermark : undefined
}

function partitionOf(
  partitionIndex: number,
  { startOffset, leaderEpoch = 0, lag = -1 }: { startOffset: number; leaderEpoch?: number; lag?: number },
): PartitionResponse {
  const offsets = { startOffset: BigInt(startOffset), leaderEpoch, lag: BigInt(lag) }
  return { partitionIndex, ...offsets, errorCode: 0, errorMessage: null }
}

function groupOf(groupId: string, topics: TopicResponse[]): GroupResponse {
  return { groupId, topics, errorCode: 0, errorMessage: null }
}

export const describeShareGroupOffsetsHandler = serves(DescribeShareGroupOffsets, { min: 0, max: 1 }, handle)

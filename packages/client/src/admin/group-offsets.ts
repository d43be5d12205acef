import { OffsetCommit, OffsetDelete, OffsetFetch } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { KafkaError } from '../errors.ts'
import { type CallOptions, onCoordinator } from './call.ts'
import { responseOf } from './groups.ts'
import { checkCode, entryError, settleAll } from './results.ts'

export interface GroupOffset {
  readonly topic: string
  readonly partition: number
  /** The next offset to read. */
  readonly offset: bigint
  /** -1 where none was committed along. */
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface NewGroupOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint | number
  readonly leaderEpoch?: number
  readonly metadata?: string
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** OffsetFetch v9 is the last that speaks of topics by name, v8 the first that all supported brokers know. */
const byName = { minVersion: 8, maxVersion: 9 }

/** The committed offsets of a group: of the partitions asked for, or of all. Partitions without a commit are left out. */
export async function listConsumerGroupOffsets(
  cluster: Cluster,
  groupId: string,
  options: CallOptions & { readonly partitions?: readonly TopicPartition[]; readonly requireStable?: boolean } = {},
): Promise<GroupOffset[]> {
  const operation = 'listConsumerGroupOffsets'
  const { partitions, requireStable = false } = options
  const topics = partitions === undefined ? null : [...byTopic(partitions)].map(toFetched)
  const found = await onCoordinator(cluster, operation, groupId, options, async (broker, request) => {
    const body = { groups: [{ groupId, topics }], requireStable }
    const response = await broker.request(OffsetFetch, body, { ...request, ...byName })
    const group = responseOf(response.groups, groupId, operation)
    checkCode(group.errorCode, operation, { broker, group: groupId })
    const results = new Map<string, GroupOffset | KafkaError>()
    for (const { name: topic, partitions: responses } of group.topics) {
      for (const response of responses) {
        const partition = response.partitionIndex
        const where = { broker, topic, partition, group: groupId }
        const error = entryError(response.errorCode, operation, where)
        const { committedOffset: offset, committedLeaderEpoch: leaderEpoch } = response
        if (error === undefined && offset < 0n) continue
        results.set(
          `${topic}-${partition}`,
          error ?? { topic, partition, offset, leaderEpoch, metadata: response.metadata ?? '' },
        )
      }
    }
    return results
  })
  return settleAll(operation, found)
}

function toFetched([name, entries]: [string, readonly TopicPartition[]]) {
  return { name, partitionIndexes: entries.map((entry) => entry.partition) }
}

/** Sets offsets of a group that has no live member reading those topics; UNKNOWN_MEMBER_ID says that it has one. */
export async function alterConsumerGroupOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly NewGroupOffset[],
  options: CallOptions = {},
): Promise<void> {
  const operation = 'alterConsumerGroupOffsets'
  const topics = [...byTopic(offsets)].map(([name, entries]) => ({
    name,
    partitions: entries.map((entry) => ({
      partitionIndex: entry.partition,
      committedOffset: BigInt(entry.offset),
      committedLeaderEpoch: entry.leaderEpoch ?? -1,
      committedMetadata: entry.metadata ?? '',
    })),
  }))
  const altered = await onCoordinator(cluster, operation, groupId, options, async (broker, request) => {
    const body = { groupId, memberId: '', generationIdOrMemberEpoch: -1, topics }
    const response = await broker.request(OffsetCommit, body, { ...request, maxVersion: 9 })
    return partitionResults(operation, groupId, broker, response.topics)
  })
  settleAll(operation, altered)
}

/** Forgets offsets of a group; GROUP_SUBSCRIBED_TO_TOPIC while a member still reads the topic. */
export async function deleteConsumerGroupOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
  options: CallOptions = {},
): Promise<void> {
  const operation = 'deleteConsumerGroupOffsets'
  const topics = [...byTopic(partitions)].map(([name, entries]) => ({
    name,
    partitions: entries.map((entry) => ({ partitionIndex: entry.partition })),
  }))
  const deleted = await onCoordinator(cluster, operation, groupId, options, async (broker, request) => {
    const response = await broker.request(OffsetDelete, { groupId, topics }, request)
    checkCode(response.errorCode, operation, { broker, group: groupId })
    return partitionResults(operation, groupId, broker, response.topics)
  })
  settleAll(operation, deleted)
}

type RespondedTopics = readonly { name: string; partitions: readonly { partitionIndex: number; errorCode: number }[] }[]

type PartitionResults = ReadonlyMap<string, undefined | KafkaError>

/** By partition. A coordinator that has moved or is loading says so for each of them, and is asked again. */
function partitionResults(operation: string, group: string, broker: Broker, topics: RespondedTopics): PartitionResults {
  const results = new Map<string, undefined | KafkaError>()
  for (const { name: topic, partitions } of topics) {
    for (const { partitionIndex: partition, errorCode } of partitions) {
      const error = entryError(errorCode, operation, { broker, topic, partition, group })
      if (error !== undefined && misdirected.has(error.code)) throw error
      results.set(`${topic}-${partition}`, error)
    }
  }
  return results
}

const misdirected: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
])

function byTopic<T extends TopicPartition>(entries: readonly T[]): Map<string, T[]> {
  const topics = new Map<string, T[]>()
  for (const entry of entries) {
    const known = topics.get(entry.topic)
    if (known === undefined) topics.set(entry.topic, [entry])
    else known.push(entry)
  }
  return topics
}

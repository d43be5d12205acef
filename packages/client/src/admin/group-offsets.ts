import { OffsetCommit, OffsetDelete, OffsetFetch } from '@ottla/codec'
import type { CallOptions } from '../call-options.ts'
import type { Broker } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { groupByTopic, type TopicPartition } from '../cluster/topology.ts'
import { meaningOf } from '../error-meaning.ts'
import type { KafkaError } from '../errors.ts'
import { onCoordinator } from './call.ts'
import { responseOf } from './groups.ts'
import { checkCode, entryError, settleAll } from './results.ts'

export interface GroupOffset {
  readonly topic: string
  readonly partition: number
  /** The next offset to read. */
  readonly offset: bigint
  /** -1 where none was committed with the offset. */
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

/** The last version of OffsetFetch with topic names instead of ids, and the first one with several groups (Kafka 3.0). */
const byName = { maxVersion: 9 }
const severalGroupsVersion = 8

/** The committed offsets of a group: of the given partitions, or of all. Partitions without a commit are left out. */
export async function listConsumerGroupOffsets(
  cluster: Cluster,
  groupId: string,
  options: CallOptions & {
    readonly partitions?: readonly TopicPartition[] | undefined
    readonly requireStable?: boolean | undefined
  } = {},
): Promise<GroupOffset[]> {
  const operation = 'Listing the offsets of the group'
  const { partitions, requireStable = false } = options
  const topics =
    partitions === undefined
      ? null
      : groupByTopic(partitions, ({ partition }) => partition).map(({ topic: name, partitions: partitionIndexes }) => ({
          name,
          partitionIndexes,
        }))
  const found = await onCoordinator(cluster, operation, groupId, options, async (broker, request) => {
    const version = await broker.versionOf(OffsetFetch, { ...request, ...byName })
    const severalGroups = version >= severalGroupsVersion
    const body = severalGroups ? { groups: [{ groupId, topics }], requireStable } : { groupId, topics, requireStable }
    const versions = severalGroups ? { minVersion: severalGroupsVersion, ...byName } : { maxVersion: version }
    const response = await broker.request(OffsetFetch, body, { ...request, ...versions })
    const group = severalGroups ? responseOf(response.groups, groupId, operation) : response
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

/** Sets offsets of a group without live members that read those topics; with one the call fails with UNKNOWN_MEMBER_ID. */
export async function alterConsumerGroupOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly NewGroupOffset[],
  options: CallOptions = {},
): Promise<void> {
  const operation = 'Altering the offsets of the group'
  const topics = groupByTopic(offsets, (entry) => ({
    partitionIndex: entry.partition,
    committedOffset: BigInt(entry.offset),
    committedLeaderEpoch: entry.leaderEpoch ?? -1,
    committedMetadata: entry.metadata ?? '',
  })).map(named)
  const altered = await onCoordinator(cluster, operation, groupId, options, async (broker, request) => {
    const body = { groupId, memberId: '', generationIdOrMemberEpoch: -1, topics }
    const response = await broker.request(OffsetCommit, body, { ...request, maxVersion: 9 })
    return partitionResults(operation, groupId, broker, response.topics)
  })
  settleAll(operation, altered)
}

/** Deletes offsets of a group. Fails with GROUP_SUBSCRIBED_TO_TOPIC while a member reads the topic. */
export async function deleteConsumerGroupOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
  options: CallOptions = {},
): Promise<void> {
  const operation = 'Deleting the offsets of the group'
  const topics = groupByTopic(partitions, ({ partition }) => ({ partitionIndex: partition })).map(named)
  const deleted = await onCoordinator(cluster, operation, groupId, options, async (broker, request) => {
    const response = await broker.request(OffsetDelete, { groupId, topics }, request)
    checkCode(response.errorCode, operation, { broker, group: groupId })
    return partitionResults(operation, groupId, broker, response.topics)
  })
  settleAll(operation, deleted)
}

type RespondedTopics = readonly { name: string; partitions: readonly { partitionIndex: number; errorCode: number }[] }[]

type PartitionResults = ReadonlyMap<string, undefined | KafkaError>

/** The results by partition. Throws, for another attempt, where the coordinator has moved or is loading: it reports that for each. */
function partitionResults(operation: string, group: string, broker: Broker, topics: RespondedTopics): PartitionResults {
  const results = new Map<string, undefined | KafkaError>()
  for (const { name: topic, partitions } of topics) {
    for (const { partitionIndex: partition, errorCode } of partitions) {
      const error = entryError(errorCode, operation, { broker, topic, partition, group })
      const { moved, notReady } = meaningOf(errorCode)
      if (error !== undefined && (moved === 'coordinator' || notReady)) throw error
      results.set(`${topic}-${partition}`, error)
    }
  }
  return results
}

function named<V>({ topic: name, partitions }: { topic: string; partitions: V[] }): { name: string; partitions: V[] } {
  return { name, partitions }
}

import { ConsumerProtocolAssignment, decodeMessage } from '@ottla/codec'
import type { ConsumerGroup, ConsumerGroupState } from '../consumer-groups/consumer-group.ts'
import type { StreamsGroup, StreamsGroupState } from '../streams-groups/streams-group.ts'
import type { StreamsMember } from '../streams-groups/streams-group-member.ts'
import type { GroupState } from './group.ts'
import type { GroupShard } from './group-shard.ts'

export interface GroupMemberStatus {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly isLeader: boolean
  /** What the leader assigned to it, in the order of topic and partition; empty when it is not a consumer. */
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

/** A group as its coordinator has it. */
export interface GroupStatus {
  readonly groupId: string
  readonly state: GroupState | ConsumerGroupState | StreamsGroupState
  /** Of the consumer and streams protocols: the epoch of the group. */
  readonly generation: number
  /** The assignor that all members agreed on; null while nobody is in the group. */
  readonly protocol: string | null
  readonly members: readonly GroupMemberStatus[]
  /** What is committed: the next offsets to read. */
  readonly offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[]
}

/** All groups of a shard, for tests to look at. */
export function groupStatuses(shard: GroupShard): GroupStatus[] {
  const classic = [...shard.groups.values()].map((group) => ({
    groupId: group.groupId,
    state: group.state,
    generation: group.generationId,
    protocol: group.protocolName,
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      isLeader: group.isLeader(member.memberId),
      partitions: group.usesConsumerProtocol() ? assignedPartitions(member.assignment) : [],
    })),
    offsets: committedOffsets(shard, group.groupId),
  }))
  const consumers = [...shard.consumerGroups.values()].map((group) => consumerGroupStatus(shard, group))
  const streams = [...shard.streamsGroups.values()].map((group) => streamsGroupStatus(shard, group))
  return [...classic, ...consumers, ...streams]
}

function committedOffsets(shard: GroupShard, groupId: string): GroupStatus['offsets'] {
  return [...shard.offsets.committed.topics(groupId)]
    .flatMap(([topic, partitions]) => [...partitions].map(([partition, { offset }]) => ({ topic, partition, offset })))
    .sort(byTopicAndPartition)
}

/** Nobody leads: the coordinator assigns. */
function consumerGroupStatus(shard: GroupShard, group: ConsumerGroup): GroupStatus {
  return {
    groupId: group.groupId,
    state: group.state,
    generation: group.groupEpoch,
    protocol: group.preferredAssignor() ?? shard.consumerConfig(group.groupId).assignors[0] ?? null,
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      isLeader: false,
      partitions: [...member.assigned]
        .flatMap(([topicId, partitions]) => {
          const topic = shard.topics.topicById(topicId)?.name
          return topic === undefined ? [] : [...partitions.keys()].map((partition) => ({ topic, partition }))
        })
        .sort(byTopicAndPartition),
    })),
    offsets: committedOffsets(shard, group.groupId),
  }
}

/** A member has the partitions that its active tasks read. */
function streamsGroupStatus(shard: GroupShard, group: StreamsGroup): GroupStatus {
  const partitionsOf = ({ tasks }: StreamsMember) =>
    [...tasks.active].flatMap(([id, partitions]) => {
      const subtopology = group.topology?.subtopologies.find(({ subtopologyId }) => subtopologyId === id)
      const repartition = subtopology?.repartitionSourceTopics.map(({ name }) => name) ?? []
      return [...(subtopology?.sourceTopics ?? []), ...repartition].flatMap((topic) => {
        const count = shard.topics.topic(topic)?.partitions.length ?? 0
        return [...partitions.keys()].filter((each) => each < count).map((partition) => ({ topic, partition }))
      })
    })
  return {
    groupId: group.groupId,
    state: group.state,
    generation: group.groupEpoch,
    protocol: 'sticky',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: null,
      clientId: member.clientId,
      isLeader: false,
      partitions: partitionsOf(member).sort(byTopicAndPartition),
    })),
    offsets: committedOffsets(shard, group.groupId),
  }
}

/** Version 0 is the beginning of every version. Bytes that are none of a consumer's say nothing. */
function assignedPartitions(assignment: Uint8Array): GroupMemberStatus['partitions'] {
  if (assignment.length < 2) return []
  try {
    const { assignedPartitions } = decodeMessage(ConsumerProtocolAssignment, 0, assignment.subarray(2))
    return assignedPartitions
      .flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
      .sort(byTopicAndPartition)
  } catch {
    return []
  }
}

interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

function byTopicAndPartition(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}

import { ConsumerProtocolAssignment, decodeMessage } from '@ottla/codec'
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
  readonly state: GroupState
  readonly generation: number
  /** The assignor that all members agreed on; null while nobody is in the group. */
  readonly protocol: string | null
  readonly members: readonly GroupMemberStatus[]
  /** What is committed: the next offsets to read. */
  readonly offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[]
}

/** All groups of a shard, for tests to look at. */
export function groupStatuses(shard: GroupShard): GroupStatus[] {
  return [...shard.groups.values()].map((group) => ({
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
    offsets: [...shard.offsets.committed.topics(group.groupId)]
      .flatMap(([topic, partitions]) =>
        [...partitions].map(([partition, { offset }]) => ({ topic, partition, offset })),
      )
      .sort(byTopicAndPartition),
  }))
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

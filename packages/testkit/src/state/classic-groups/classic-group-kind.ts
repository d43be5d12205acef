import { ConsumerProtocolAssignment, decodeMessage } from '@ottla/codec'
import { joinError, syncError } from '../coordinators/classic-protocol.ts'
import type { CoordinatorRecord } from '../coordinators/coordinator-record.ts'
import {
  byTopicAndPartition,
  type GroupKind,
  type GroupMemberStatus,
  type ListedGroup,
  type MembershipStatus,
} from '../coordinators/group-kind.ts'
import { anyPartition, type Committer, type OffsetGroupKind, type PartitionCheck } from '../offsets/offset-shard.ts'
import type { ClassicGroup } from './classic-group.ts'
import { checkCommit } from './classic-group-offsets.ts'
import { keepAlive, prepareRebalance } from './classic-group-rebalance.ts'
import { groupTombstone, replayGroup } from './classic-group-records.ts'
import { type ClassicGroupShard, removeGroup } from './classic-group-shard.ts'

/** The classic groups of a shard. */
export class ClassicGroupKind implements GroupKind, OffsetGroupKind {
  readonly #shard: ClassicGroupShard

  constructor(shard: ClassicGroupShard) {
    this.#shard = shard
  }

  has(groupId: string): boolean {
    return this.#shard.classicGroups.has(groupId)
  }

  find(groupId: string): ClassicGroup | undefined {
    return this.#shard.classicGroups.get(groupId)
  }

  groups(): Iterable<ClassicGroup> {
    return this.#shard.classicGroups.values()
  }

  replay(record: CoordinatorRecord): boolean {
    return replayGroup(this.#shard.classicGroups, record)
  }

  startSessions(): void {
    const shard = this.#shard
    for (const group of this.groups()) {
      for (const member of group.members.values()) keepAlive(shard, group, member.memberId, member.sessionTimeoutMs)
      if (group.members.size > shard.config.maxSize) prepareRebalance(shard, group)
    }
  }

  /** Does nothing: the members watch their topics themselves. */
  onTopicsChanged(): void {}

  list(): ListedGroup[] {
    return [...this.groups()].map((group) => ({
      groupId: group.groupId,
      protocolType: group.protocolType ?? '',
      groupState: group.state,
      groupType: 'classic',
    }))
  }

  statuses(): MembershipStatus[] {
    return [...this.groups()].map((group) => ({
      groupId: group.groupId,
      state: group.state,
      generation: group.generationId,
      protocol: group.protocolName,
      members: [...group.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        isLeader: group.isLeader(member.memberId),
        epoch: group.generationId,
        partitions: group.usesConsumerProtocol() ? assignedPartitions(member.assignment) : [],
      })),
    }))
  }

  /** A commit also extends its member's session. */
  admitCommit(groupId: string, committer: Committer): PartitionCheck {
    const group = this.find(groupId)
    checkCommit(group, committer)
    const member = group?.members.get(committer.memberId)
    const isInSession = group?.state === 'Stable' || group?.state === 'PreparingRebalance'
    if (group && member && isInSession && !committer.isTransactional) {
      keepAlive(this.#shard, group, member.memberId, member.sessionTimeoutMs)
    }
    return anyPartition
  }

  admitFetch(): void {}

  tombstones(groupId: string): CoordinatorRecord[] {
    return [groupTombstone(groupId)]
  }

  remove(groupId: string): void {
    const group = this.find(groupId)
    if (group !== undefined) removeGroup(this.#shard, group)
  }

  unload(): void {
    for (const group of this.groups()) {
      group.transitionTo('Dead', this.#shard.nowMs())
      for (const member of group.members.values()) {
        group.completeJoin(member, joinError('NOT_COORDINATOR', member.memberId))
        group.completeSync(member, syncError('NOT_COORDINATOR'))
      }
    }
    this.#shard.classicGroups.clear()
  }
}

/** Decoded as version 0, a prefix of all later versions. Empty unless the bytes are a consumer's assignment. */
function assignedPartitions(assignment: Uint8Array): GroupMemberStatus['partitions'] {
  if (assignment.length < 2) return []
  try {
    const decoded = decodeMessage(ConsumerProtocolAssignment, 0, assignment.subarray(2))
    return decoded.assignedPartitions
      .flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
      .sort(byTopicAndPartition)
  } catch {
    return []
  }
}

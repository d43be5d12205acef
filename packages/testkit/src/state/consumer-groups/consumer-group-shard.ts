import { GroupOperation } from '../coordinators/group-operation.ts'
import type { GroupShard } from '../coordinators/group-shard.ts'
import { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerGroupConfig } from './consumer-group-config.ts'
import type { ConsumerMember } from './consumer-group-member.ts'
import type { ConsumerGroupChange } from './consumer-group-records.ts'

/** A shard with the groups that use the consumer protocol. */
export interface ConsumerGroupShard extends GroupShard {
  readonly consumerGroups: Map<string, ConsumerGroup>
  /** The groups whose regular expressions are being resolved. */
  readonly resolvingGroups: Set<string>
  readonly consumerConfig: (groupId: string) => ConsumerGroupConfig
  readonly migration: ConsumerGroupMigration
}

export type ConsumerGroupOperation = GroupOperation<ConsumerGroupChange>

/** Online migration between the classic and the consumer protocol, implemented above both kinds of groups. */
export interface ConsumerGroupMigration {
  /**
   * Converts a classic group with members. Returns undefined when there is no such group, and throws a GroupError when it
   * must not be converted.
   */
  upgrade(groupId: string, operation: ConsumerGroupOperation): ConsumerGroup | undefined
  /** Converts a consumer group all of whose remaining members use the classic protocol. */
  downgrade(group: ConsumerGroup, downgrade: Downgrade, operation: ConsumerGroupOperation): void
}

export interface Downgrade {
  readonly leaving: readonly ConsumerMember[]
  /** A static member that rejoins with the classic protocol and replaces the one with its instance id. */
  readonly joining?: ConsumerMember
  readonly rebalances: boolean
}

export function newOperation(shard: ConsumerGroupShard): ConsumerGroupOperation {
  return new GroupOperation(shard.log, (change) => applyChange(shard, change))
}

/** Applies a change that has been appended to the log or read from it. */
export function applyChange(shard: ConsumerGroupShard, change: ConsumerGroupChange): void {
  const { groupId } = change
  if (change.deletesGroup) {
    shard.consumerGroups.delete(groupId)
    return
  }
  const known = shard.consumerGroups.get(groupId)
  if (known === undefined && !change.createsGroup) return
  const group = known ?? new ConsumerGroup(groupId)
  if (known === undefined) {
    shard.consumerGroups.set(groupId, group)
    shard.removeOffsetsOnlyGroup(groupId)
  }
  change.apply(group)
}

const kinds = ['session', 'rebalance', 'join', 'sync'] as const

/** The timers that fence a member: without heartbeat, without confirmed revocation, without JoinGroup, without SyncGroup. */
export type MemberTimer = (typeof kinds)[number]

// Group and member ids may contain any character: the length in front keeps the keys of two pairs distinct.
export const memberTimer = (kind: MemberTimer, groupId: string, memberId: string): string =>
  `consumer ${kind} ${groupId.length} ${groupId} ${memberId}`

export function cancelMemberTimer(
  shard: ConsumerGroupShard,
  kind: MemberTimer,
  groupId: string,
  memberId: string,
): void {
  shard.timers.cancel(memberTimer(kind, groupId, memberId))
}

export function cancelMemberTimers(shard: ConsumerGroupShard, groupId: string, memberId: string): void {
  for (const kind of kinds) cancelMemberTimer(shard, kind, groupId, memberId)
}

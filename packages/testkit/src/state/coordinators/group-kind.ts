import type { Encodable, ListGroups } from '@ottla/codec'
import type { CoordinatorRecord } from './coordinator-record.ts'

export type ListedGroup = Encodable<typeof ListGroups.response>['groups'][number]

/** The groups of one kind in a shard. The coordinator handles all kinds through this interface. */
export interface GroupKind {
  has(groupId: string): boolean
  /** Applies a record read from the log; false when it belongs to another kind. */
  replay(record: CoordinatorRecord): boolean
  /** Starts the session timers of the members that were read from the log. */
  startSessions(): void
  /** Topics were created, changed or deleted. */
  onTopicsChanged(topics: readonly string[]): void
  list(): ListedGroup[]
  /** Empty for share groups, which `GroupStatus` does not describe. */
  statuses(): MembershipStatus[]
  /** The leadership is lost: fails the held requests with NOT_COORDINATOR and drops the groups. */
  unload(): void
}

/** The states of all kinds of groups. */
export type GroupState =
  | 'Empty'
  | 'PreparingRebalance'
  | 'CompletingRebalance'
  | 'Stable'
  | 'Dead'
  | 'NotReady'
  | 'Assigning'
  | 'Reconciling'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface GroupMemberStatus {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly isLeader: boolean
  /** With the consumer and streams protocols the member's own; else the generation of the group. */
  readonly epoch: number
  /** Its assignment, ordered by topic and partition; empty for a protocol other than the consumers'. */
  readonly partitions: readonly TopicPartition[]
}

/** The state and the members of a group. */
export interface MembershipStatus {
  readonly groupId: string
  readonly state: GroupState
  /** With the consumer and streams protocols: the group epoch. */
  readonly generation: number
  /** The assignor in use; null while a classic group has no members. */
  readonly protocol: string | null
  readonly members: readonly GroupMemberStatus[]
}

/** The state of a group at its coordinator. */
export interface GroupStatus extends MembershipStatus {
  /** The committed offsets, ordered by topic and partition. */
  readonly offsets: readonly (TopicPartition & { readonly offset: bigint })[]
}

export function byTopicAndPartition(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}

import type { CoordinatorRecord } from '../coordinators/coordinator-record.ts'
import type { GroupShard } from '../coordinators/group-shard.ts'
import type { CommittedOffset, CommittedOffsets } from './committed-offsets.ts'

/** A shard with its committed offsets. */
export interface OffsetShard extends GroupShard {
  readonly offsets: CommittedOffsets
  /** The kind of the group, or the classic one for an unknown id; undefined when its kind commits no offsets. */
  offsetKindOf(groupId: string): OffsetGroupKind | undefined
  /** All kinds that commit offsets. */
  readonly offsetKinds: readonly OffsetGroupKind[]
  /** Creates a classic group without members unless there is a group of that id. */
  ensureGroup(groupId: string): void
}

/** A member as OffsetCommit and TxnOffsetCommit name it. */
export interface Committer {
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** In a classic group: the generation. */
  readonly memberEpoch: number
  readonly isTransactional: boolean
  readonly apiVersion: number
}

/** A member as OffsetFetch names it, since version 9. */
export interface OffsetReader {
  readonly memberId: string | null
  readonly memberEpoch: number
}

/** Throws a GroupError when the committer may not commit offsets of this partition. */
export type PartitionCheck = (topicId: string, partition: number) => void

export const anyPartition: PartitionCheck = () => {}

/** The groups of a kind that commits offsets. */
export interface OffsetGroupKind {
  find(groupId: string): OffsetGroup | undefined
  groups(): Iterable<OffsetGroup>
  /** Throws a GroupError when the member may not commit. A group of that id need not exist. */
  admitCommit(groupId: string, committer: Committer): PartitionCheck
  /** Throws a GroupError when the member is unknown or its epoch is stale. A group of that id need not exist. */
  admitFetch(groupId: string, reader: OffsetReader): void
  /** The records that delete the group. */
  tombstones(groupId: string): CoordinatorRecord[]
  /** Removes the group from memory, once its tombstones are in the log. */
  remove(groupId: string): void
}

export interface OffsetGroup {
  readonly groupId: string
  readonly isEmpty: boolean
  /** Empty, and no member is about to join: the group is deleted with its last offset. */
  readonly isUnused: boolean
  /** False while the members may read any topic, so that no offset may be deleted. */
  readonly canDeleteOffsets: boolean
  /** An open transaction keeps all offsets of the group, not only its own, from expiring. */
  readonly keepsOffsetsInTransactions: boolean
  isSubscribedTo(topic: string): boolean
  /** Wall time at which the offset of a topic without subscribers expires; undefined: not in the group's state. */
  offsetExpiryMs(offset: CommittedOffset, retentionMs: number): number | undefined
}

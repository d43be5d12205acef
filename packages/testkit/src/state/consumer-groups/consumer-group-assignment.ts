import type { Partitions } from '../coordinators/member-partitions.ts'

/** The input of an assignor for one member. */
export interface AssignorMember {
  readonly memberId: string
  readonly instanceId: string | null
  /** The existing topics that it subscribes to. */
  readonly topicIds: ReadonlySet<string>
  /** Its partitions in the last assignment. */
  readonly target: Partitions
}

export interface AssignorGroup {
  readonly members: ReadonlyMap<string, AssignorMember>
  /** All members subscribe to the same topics. */
  readonly isHomogeneous: boolean
  readonly partitionCount: (topicId: string) => number
  /** True when the last target of a current member contains the partition. */
  readonly isTargeted: (topicId: string, partition: number) => boolean
}

export type Assignment = ReadonlyMap<string, Partitions>
export type ServerAssignor = (group: AssignorGroup) => Assignment

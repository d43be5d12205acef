import type { Partitions } from '../coordinators/member-partitions.ts'

/** A member as an assignor sees it. */
export interface AssignorMember {
  readonly memberId: string
  readonly instanceId: string | null
  /** Of topics that exist. */
  readonly topicIds: ReadonlySet<string>
  /** What the last assignment gave it. */
  readonly target: Partitions
}

export interface AssignorGroup {
  readonly members: ReadonlyMap<string, AssignorMember>
  /** All members subscribe to the same topics. */
  readonly isHomogeneous: boolean
  readonly partitionCount: (topicId: string) => number
  /** The last assignment gave it to somebody who is still there. */
  readonly isTargeted: (topicId: string, partition: number) => boolean
}

export type Assignment = ReadonlyMap<string, Partitions>
export type ServerAssignor = (group: AssignorGroup) => Assignment

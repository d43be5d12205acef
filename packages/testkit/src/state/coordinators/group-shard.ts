import type { Runtime } from '@ottla/runtime'
import type { CoordinatorLog } from './coordinator-log.ts'
import type { GroupConfig } from './group-config.ts'
import type { RecordSink } from './group-operation.ts'
import type { GroupTopics } from './group-topics.ts'
import type { KeyedTimers } from './keyed-timers.ts'

export type GroupRuntime = Pick<Runtime, 'wallNow' | 'setTimer' | 'clearTimer' | 'secureRandom'>

/**
 * What the groups of one partition of __consumer_offsets share, whatever their kind. Each kind extends it with its own
 * groups (`ConsumerGroupShard`, …); the coordinator's shard implements all of these, so no kind depends on another.
 */
export interface GroupShard {
  readonly runtime: GroupRuntime
  readonly log: CoordinatorLog
  readonly timers: KeyedTimers
  readonly topics: GroupTopics
  readonly config: GroupConfig
  /** The leadership is lost: no timer may be scheduled any more. */
  readonly isUnloaded: boolean
  /** Wall time in whole milliseconds, as in records; a simulated clock may return fractions. */
  nowMs(): number
  /** True for a group of any kind. */
  hasGroup(groupId: string): boolean
  /** Adds the deletion of an empty classic group to the operation; false when there is no such group. */
  deleteEmptyClassicGroup(groupId: string, operation: RecordSink): boolean
  /** Removes the classic group that was created for offsets read before the group's own records. */
  removeOffsetsOnlyGroup(groupId: string): void
}

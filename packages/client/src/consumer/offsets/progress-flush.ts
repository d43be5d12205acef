import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { CommitOptions } from './commit-call.ts'

/** Stores the progress of a consumer: the committer by commits, a transactional processor by transactions. */
export interface ProgressFlush {
  /** Stores by itself from now on. */
  start(): void
  /** Does not begin anything new by itself; what has begun ends. */
  stop(): void
  /** Items were processed. */
  counted(items: number): void
  /** The reset policy chose where these partitions begin. */
  commitStart(partitions: Iterable<AssignedPartition>): void
  /** The progress of a partition moved over what has no record to deliver. */
  follow(partition: AssignedPartition): void
  /** These partitions deliver nothing any more, and are given up after at most `graceMs`: `commitProgress` follows. */
  revoking(partitions: Iterable<AssignedPartition>, graceMs: number): void
  /** Stores what is processed of these partitions. */
  commitProgress(partitions: Iterable<AssignedPartition>, options?: CommitOptions): Promise<void>
  /** The group is stable again, or the member has another epoch. */
  resume(): void
  /** These partitions were revoked or lost. */
  revoked(partitions: Iterable<AssignedPartition>): void
  /** Stores what is processed, within this time. To call before the member leaves. */
  drain(timeoutMs: number): Promise<void>
  /** Ends everything. */
  close(): void
}

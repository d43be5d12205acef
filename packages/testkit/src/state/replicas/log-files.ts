import type { LogSegment, StoredBatch } from './log-segment.ts'

/** A file operation failed. */
export class StorageError extends Error {}

/** The files of a log; a log without files is kept in memory only. */
export interface LogFiles {
  /** Called before the batch is added in memory. Throws StorageError when the write fails; then no byte of it was written. */
  append(segment: LogSegment, batch: StoredBatch): void
  /** Segments were added, truncated, deleted or replaced, or the log start offset moved: updates the files. */
  changed(): void
}

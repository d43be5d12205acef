import type { LogSegment, StoredBatch } from './log-segment.ts'

/** A file could not be written. */
export class StorageError extends Error {}

/** Where a log is kept besides memory; a log without it is in memory alone. */
export interface LogFiles {
  /** Called before the batch is in memory. Throws StorageError when it cannot be written: then nothing of it was. */
  append(segment: LogSegment, batch: StoredBatch): void
  /** Segments were begun, cut, dropped or replaced, or the log starts later: the files follow. */
  changed(): void
}

import type { LogSegment } from './log-segment.ts'

export interface RetentionRules {
  readonly nowMs: number
  /** retention.ms; -1: unlimited. */
  readonly retentionMs: number
  /** retention.bytes; -1: unlimited. */
  readonly retentionBytes: number
  /** cleanup.policy has `delete`; without it only segments before the log start offset are deleted. */
  readonly isDeleted: boolean
}

export interface RetainedLog {
  readonly segments: readonly LogSegment[]
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly highWatermark: number
}

/**
 * How many segments at the front of a log are to be deleted: whole segments, oldest first, up to the first that must be kept,
 * and none that extends beyond the high watermark. As in Kafka, the active segment may be included, but not an empty one.
 */
export function segmentsToDelete(log: RetainedLog, rules: RetentionRules): number {
  let count = countWhile(log, 0, (_, upperBound) => upperBound <= log.logStartOffset && upperBound < log.logEndOffset)
  if (!rules.isDeleted) return count
  count = deleteBySize(log, count, rules)
  if (rules.retentionMs < 0) return count
  return countWhile(log, count, ({ maxTimestamp }) => rules.nowMs - maxTimestamp > rules.retentionMs)
}

/** Never shrinks the log below the limit: a segment is deleted only when the rest still has `retentionBytes`. */
function deleteBySize(log: RetainedLog, from: number, { retentionBytes }: RetentionRules): number {
  if (retentionBytes < 0) return from
  let excess = -retentionBytes
  for (const segment of log.segments.slice(from)) excess += segment.sizeInBytes
  return countWhile(log, from, ({ sizeInBytes }) => {
    if (excess - sizeInBytes < 0) return false
    excess -= sizeInBytes
    return true
  })
}

function countWhile(
  { segments, highWatermark, logEndOffset }: RetainedLog,
  from: number,
  isDue: (segment: LogSegment, upperBound: number) => boolean,
): number {
  let count = from
  for (let segment = segments[count]; segment !== undefined; segment = segments[count]) {
    const next = segments[count + 1]
    const upperBound = next?.baseOffset ?? logEndOffset
    const isEmptyActive = next === undefined && segment.batches.length === 0
    if (isEmptyActive || highWatermark < upperBound || !isDue(segment, upperBound)) break
    count++
  }
  return count
}

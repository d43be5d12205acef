import type { RecordBatch } from '@ottla/codec/records'

/** The offsets of a batch that cannot be read. */
export interface UnreadableRange {
  readonly start: number
  /** The offset after it. */
  readonly end: number
  readonly epoch: number
}

/**
 * Which offsets the batch takes; undefined: that is not certain. The header of a batch whose checksum does not match may be what is
 * damaged, and a wrong last offset would skip records that can be read: then the next batch says where it ends, or else the number of
 * its records must agree with its last offset.
 */
export function rangeOf(batch: RecordBatch, nextOffset: () => number | undefined): UnreadableRange | undefined {
  const start = Number(batch.baseOffset)
  const { lastOffsetDelta, partitionLeaderEpoch: epoch } = batch
  const end = start + lastOffsetDelta + 1
  if (isIntact(batch)) return end > start ? { start, end, epoch } : undefined
  const next = nextOffset()
  if (next !== undefined) return next > start ? { start, end: next, epoch } : undefined
  return end > start && batch.recordCount === lastOffsetDelta + 1 ? { start, end, epoch } : undefined
}

function isIntact(batch: RecordBatch): boolean {
  try {
    return batch.verifyCrc()
  } catch {
    return false
  }
}

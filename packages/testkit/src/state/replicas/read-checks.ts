import type { ErrorName } from '@ottla/codec'
import type { EpochEnd } from './leader-epochs.ts'
import type { ReplicaLog } from './replica-log.ts'

export interface ConsumerRead {
  readonly fetchOffset: number
  /** -1: unknown to the consumer. */
  readonly currentLeaderEpoch: number
  readonly lastFetchedEpoch: number
}

export type ReadCheck =
  | { readonly kind: 'error'; readonly error: ErrorName }
  | { readonly kind: 'diverging'; readonly end: EpochEnd }
  | { readonly kind: 'ok' }

const readable: ReadCheck = { kind: 'ok' }

/** Whether a reader can continue at an offset, given the leader epoch of its last record (-1: unknown). */
export function checkOffset(log: ReplicaLog, fetchOffset: number, lastFetchedEpoch: number): ReadCheck {
  const diverged = divergence(log, fetchOffset, lastFetchedEpoch)
  if (diverged !== undefined) return diverged
  const isOutside = fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset
  return isOutside ? { kind: 'error', error: 'OFFSET_OUT_OF_RANGE' } : readable
}

/** Where the reader's records diverge from this log (KIP-595); undefined when they do not. */
export function divergence(
  log: ReplicaLog,
  fetchOffset: number,
  lastFetchedEpoch: number,
): Exclude<ReadCheck, { kind: 'ok' }> | undefined {
  if (lastFetchedEpoch < 0) return undefined
  const end = log.endOfEpoch(lastFetchedEpoch)
  // The epoch is unknown to this log or its offsets were deleted: there is nothing to truncate to.
  if (end.epoch < 0 || end.endOffset < 0) return { kind: 'error', error: 'OFFSET_OUT_OF_RANGE' }
  if (fetchOffset < log.logStartOffset) return { kind: 'error', error: 'OFFSET_OUT_OF_RANGE' }
  const diverges = end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset
  return diverges ? { kind: 'diverging', end } : undefined
}

import type { ErrorName } from '@ottla/codec'
import type { TopicSettings } from '../configs/topic-config.ts'
import type { EpochEnd } from './leader-epochs.ts'
import type { StoredBatch } from './log-segment.ts'
import type { ReplicaLog } from './replica-log.ts'

/** A follower's fetch request; its offset reports how much the follower has. */
export interface FollowerFetch {
  readonly followerId: number
  readonly leaderEpoch: number
  readonly fetchOffset: number
  readonly lastFetchedEpoch: number
  readonly logStartOffset: number
  readonly maxBytes: number
}

/** The leader's response to a follower's fetch. */
export type FollowerFetched =
  | { readonly kind: 'error'; readonly error: ErrorName; readonly leaderStart: number; readonly leaderEnd: number }
  | { readonly kind: 'diverging'; readonly end: EpochEnd }
  | {
      readonly kind: 'records'
      readonly batches: readonly StoredBatch[]
      readonly highWatermark: number
      readonly logStartOffset: number
    }

export interface Followed {
  /** The high watermark, the log start offset or the log end offset moved: waiting callers must be notified. */
  readonly hasMoved: boolean
  /** The follower should fetch again immediately. */
  readonly fetchAgain: boolean
}

const nothing: Followed = { hasMoved: false, fetchAgain: false }
const cut: Followed = { hasMoved: true, fetchAgain: true }

/** The next fetch a replica sends to its leader. */
export function nextFetch(
  { log, leaderEpoch }: { readonly log: ReplicaLog; readonly leaderEpoch: number },
  followerId: number,
  maxBytes: number,
): FollowerFetch {
  return {
    followerId,
    leaderEpoch,
    fetchOffset: log.logEndOffset,
    lastFetchedEpoch: log.epochs.latestEpoch,
    logStartOffset: log.logStartOffset,
    maxBytes,
  }
}

/** Applies the leader's response to a follower's log. */
export function follow(
  log: ReplicaLog,
  fetched: FollowerFetched,
  settings: Pick<TopicSettings, 'segmentBytes' | 'segmentMs' | 'flushMessages'>,
): Followed {
  if (fetched.kind === 'diverging') {
    truncateToAgree(log, fetched.end)
    return cut
  }
  if (fetched.kind === 'error') return followError(log, fetched)
  for (const batch of fetched.batches) log.append(batch, settings.segmentBytes, settings)
  const moved = log.advanceHighWatermark(fetched.highWatermark)
  const deleted = log.advanceLogStart(Math.min(fetched.logStartOffset, log.logEndOffset))
  return { hasMoved: moved || deleted, fetchAgain: fetched.batches.length > 0 || deleted }
}

/** Truncates to the last offset at which leader and follower can agree; the next fetch shows whether that was far enough. */
function truncateToAgree(log: ReplicaLog, { epoch, endOffset }: EpochEnd): void {
  const own = log.endOfEpoch(epoch)
  const target = own.epoch < 0 || own.endOffset < 0 ? endOffset : Math.min(endOffset, own.endOffset)
  log.truncateTo(Math.min(target, log.logEndOffset))
}

/**
 * A log that ends beyond the leader's log end is truncated. One that ends before the leader's log start, or has epochs unknown
 * to the leader, restarts empty at the leader's log start.
 */
function followError(log: ReplicaLog, failed: Extract<FollowerFetched, { kind: 'error' }>): Followed {
  if (failed.error !== 'OFFSET_OUT_OF_RANGE') return nothing
  if (log.logEndOffset > failed.leaderEnd) log.truncateTo(failed.leaderEnd)
  else log.startFresh(failed.leaderStart)
  return cut
}

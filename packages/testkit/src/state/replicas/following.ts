import type { ErrorName } from '@ottla/codec'
import type { TopicSettings } from '../configs/topic-config.ts'
import type { EpochEnd } from './leader-epochs.ts'
import type { StoredBatch } from './log-segment.ts'
import type { ReplicaLog } from './replica-log.ts'

/** What a follower asks its leader for; by asking it says what it has. */
export interface FollowerFetch {
  readonly followerId: number
  readonly leaderEpoch: number
  readonly fetchOffset: number
  readonly lastFetchedEpoch: number
  readonly logStartOffset: number
  readonly maxBytes: number
}

/** What the leader answers. */
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
  /** High watermark, log start or log end moved in a way that others may wait for. */
  readonly isNews: boolean
  /** There is reason to fetch again at once. */
  readonly fetchAgain: boolean
}

const nothing: Followed = { isNews: false, fetchAgain: false }
const cut: Followed = { isNews: true, fetchAgain: true }

/** What to ask the leader of a replica for. */
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

/** Brings a follower's log in line with what its leader answered. */
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
  return { isNews: moved || deleted, fetchAgain: fetched.batches.length > 0 || deleted }
}

/** Cuts the log to where leader and follower can still be equal; the next fetch tells if that was far enough. */
function truncateToAgree(log: ReplicaLog, { epoch, endOffset }: EpochEnd): void {
  const own = log.endOfEpoch(epoch)
  const target = own.epoch < 0 || own.endOffset < 0 ? endOffset : Math.min(endOffset, own.endOffset)
  log.truncateTo(Math.min(target, log.logEndOffset))
}

/** Beyond the leader's end the log is cut, before its start (or in epochs the leader does not know) it begins anew. */
function followError(log: ReplicaLog, failed: Extract<FollowerFetched, { kind: 'error' }>): Followed {
  if (failed.error !== 'OFFSET_OUT_OF_RANGE') return nothing
  if (log.logEndOffset > failed.leaderEnd) log.truncateTo(failed.leaderEnd)
  else log.startFresh(failed.leaderStart)
  return cut
}

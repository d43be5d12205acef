import type { StartPlace } from '../../group/offset-input.ts'
import type { FoundOffset } from './offset-batch.ts'
import { earliestTimestamp, latestTimestamp } from './offset-messages.ts'

/** The look-ups, as timestamps, that lead to a place. */
export interface PlaceQueries {
  readonly first: number
  /** Undefined: the first one suffices. */
  readonly second?: number | undefined
  choose(first: FoundOffset, second: FoundOffset): FoundOffset
}

/**
 * How to find a place. The end of the log is looked up before the timestamp: a record that is appended between the two is then found by
 * its time, or follows the end. Likewise before the start of the log, which may move past an offset that was computed.
 */
export function queriesOf(place: StartPlace, nowMs: number): PlaceQueries {
  if (place === 'earliest') return { first: earliestTimestamp, choose: (found) => found }
  if (place === 'latest') return { first: latestTimestamp, choose: (found) => found }
  if ('last' in place) {
    return { first: latestTimestamp, second: earliestTimestamp, choose: (end, start) => before(end, place.last, start) }
  }
  return {
    first: latestTimestamp,
    second: timestampOf(place, nowMs),
    choose: (end, found) => (found.offset < 0 ? end : found),
  }
}

/** Whether the place is that of the end, or computed from it: it skips the first records of a partition that was just created. */
export function isNearEnd(place: StartPlace): boolean {
  return place === 'latest' || (typeof place === 'object' && 'last' in place)
}

/** Negative timestamps mean ends of the log. */
function timestampOf(place: { timestamp: number } | { durationMs: number }, nowMs: number): number {
  if ('timestamp' in place) return place.timestamp
  return Math.max(0, Math.floor(nowMs) - place.durationMs)
}

/** The epoch of the record before an offset in the middle of the log is not known. */
function before(end: FoundOffset, count: number, start: FoundOffset): FoundOffset {
  const offset = end.offset - count
  if (offset <= start.offset) return start
  return count === 0 ? end : { offset, leaderEpoch: -1, metadata: null }
}

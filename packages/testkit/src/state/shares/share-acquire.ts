import { InFlightBatch, InFlightState, type MakeLock } from './share-in-flight.ts'
import type { ShareWindow } from './share-window.ts'

/** Records that a member has now. */
export interface Acquired {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
}

/** A batch of the log, as far as it matters here. */
export interface FetchedBatch {
  readonly baseOffset: number
  readonly lastOffset: number
}

export interface Acquisition {
  readonly memberId: string
  /** KIP-1206: no record more than `maxRecords`; else batches are acquired as a whole. */
  readonly isRecordLimit: boolean
  /** The preferred number of records in what is acquired at once. */
  readonly batchSize: number
  readonly maxRecords: number
  readonly fetchOffset: number
  /** What was read there. */
  readonly batches: readonly FetchedBatch[]
  readonly maxDeliveries: number
  /** How many records may be under way. */
  readonly maxInFlight: number
  readonly lockMs: number
  readonly makeLock: MakeLock
}

interface Stretch {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly maxRecords: number
}

export interface AcquiredRecords {
  readonly records: readonly Acquired[]
  readonly count: number
}

const nothing: AcquiredRecords = { records: [], count: 0 }

/** Gives a member the records that were read and that nobody has. */
export function acquire(window: ShareWindow, ask: Acquisition): AcquiredRecords {
  const [first] = ask.batches
  const last = ask.batches.at(-1)
  if (ask.maxRecords <= 0 || first === undefined || last === undefined) return nothing
  if (last.lastOffset < window.startOffset) return nothing
  const limits = limitsOf(window, ask, last.lastOffset)
  if (limits.maxRecords <= 0) return nothing
  const { lastOffset } = limits
  let { baseOffset } = first
  archiveStale(window, ask.fetchOffset, baseOffset)
  const floor = window.floor(baseOffset)
  if (floor === undefined) baseOffset = Math.max(baseOffset, window.startOffset)
  else if (floor.lastOffset >= baseOffset) baseOffset = floor.firstOffset
  const known = window.from(Math.min(first.baseOffset, baseOffset), lastOffset)
  if (known.length === 0) {
    return acquireNew(window, ask, { firstOffset: baseOffset, lastOffset, maxRecords: limits.maxRecords })
  }
  return acquireKnown(window, ask, known, { ...limits, firstOffset: first.baseOffset }, baseOffset)
}

function limitsOf(window: ShareWindow, ask: Acquisition, lastOffset: number): Omit<Stretch, 'firstOffset'> {
  const room = Math.min(ask.maxRecords, ask.maxInFlight - window.length)
  if (room > 0 || ask.fetchOffset > window.endOffset) return { maxRecords: room, lastOffset }
  // There is no room for more, but records before the end are available again.
  const maxRecords = Math.min(ask.maxRecords, window.endOffset - ask.fetchOffset + 1)
  return { maxRecords, lastOffset: Math.min(lastOffset, window.endOffset) }
}

/** The log was compacted: what was known between the offset asked for and the first record is not there. */
function archiveStale(window: ShareWindow, fetchOffset: number, baseOffset: number): void {
  if (window.batches.length === 0 || fetchOffset >= baseOffset) return
  const floor = window.floor(fetchOffset)
  const from = floor !== undefined && floor.lastOffset >= fetchOffset ? floor.firstOffset : fetchOffset
  const stale = window.from(from, baseOffset - 1)
  if (window.archive(stale, fetchOffset, baseOffset - 1, { from: 'available', counts: true })) {
    window.seeksAvailable = true
  }
}

/** Among batches that are under way already; gaps and what comes after them is new. */
function acquireKnown(
  window: ShareWindow,
  ask: Acquisition,
  known: readonly InFlightBatch[],
  { firstOffset, lastOffset, maxRecords }: Stretch,
  baseOffset: number,
): AcquiredRecords {
  const records: Acquired[] = []
  let count = 0
  let gapStart = baseOffset
  let isThrottled = false
  const takeNew = (from: number, to: number) => {
    const taken = acquireNew(window, ask, { firstOffset: from, lastOffset: to, maxRecords: maxRecords - count })
    records.push(...taken.records)
    count += taken.count
  }
  for (const batch of known) {
    if (count >= maxRecords) break
    if (window.isGapOpen) {
      if (gapStart < batch.firstOffset) takeNew(gapStart, batch.firstOffset - 1)
      gapStart = batch.lastOffset + 1
      if (count >= maxRecords) break
    }
    const stretch = { firstOffset, lastOffset, maxRecords: maxRecords - count }
    const throttles = isThrottling(batch, stretch, ask.maxDeliveries)
    if (throttles && count > 0) {
      isThrottled = true
      break
    }
    const taken = acquireBatch(window, ask, { batch, stretch, throttles })
    records.push(...taken.records)
    count += taken.count
    if (throttles && taken.count > 0) {
      isThrottled = true
      break
    }
  }
  const last = known.at(-1) as InFlightBatch
  if (!isThrottled && count < maxRecords && last.lastOffset < lastOffset) takeNew(last.lastOffset + 1, lastOffset)
  const end = records.at(-1)
  if (end !== undefined) window.closeGapUpTo(end.lastOffset + 1)
  return { records, count }
}

function acquireBatch(
  window: ShareWindow,
  ask: Acquisition,
  { batch, stretch, throttles }: { batch: InFlightBatch; stretch: Stretch; throttles: boolean },
): AcquiredRecords {
  const { whole } = batch
  const isCut = ask.isRecordLimit && batch.length > stretch.maxRecords
  if (whole !== undefined && !whole.isAvailable) return nothing
  if (whole !== undefined && batch.isWithin(stretch.firstOffset, stretch.lastOffset) && !isCut && !throttles) {
    whole.acquire(ask.memberId)
    whole.takeLock(ask.makeLock(batch.firstOffset, batch.lastOffset, ask.lockMs))
    const { firstOffset, lastOffset, length } = batch
    return { records: [{ firstOffset, lastOffset, deliveryCount: whole.deliveryCount }], count: length }
  }
  window.split(batch)
  return acquireEach(ask, batch, stretch)
}

function acquireEach(ask: Acquisition, batch: InFlightBatch, stretch: Stretch): AcquiredRecords {
  const { maxDeliveries } = ask
  const throttledFrom = throttleLimit(maxDeliveries)
  const taken: Acquired[] = []
  let limit = ask.isRecordLimit ? stretch.maxRecords : Number.POSITIVE_INFINITY
  let isThrottled = false
  for (const [offset, state] of batch.states(stretch.firstOffset, stretch.lastOffset)) {
    if (!state.isAvailable) continue
    const { deliveryCount: before } = state
    // A record's last delivery is one of its own, so that nothing else can spoil it.
    if (maxDeliveries > 2 && before === maxDeliveries - 1 && taken.length > 0) break
    if (before >= throttledFrom && !isThrottled) {
      isThrottled = true
      limit = Math.min(limit, Math.max(1, batch.length >> (before - throttledFrom + 1)))
    }
    state.acquire(ask.memberId)
    state.takeLock(ask.makeLock(offset, offset, ask.lockMs))
    const { deliveryCount } = state
    taken.push({ firstOffset: offset, lastOffset: offset, deliveryCount })
    if ((deliveryCount === maxDeliveries && maxDeliveries > 2) || taken.length >= limit) break
  }
  return { records: joined(taken), count: taken.length }
}

/** Records that nobody was given yet. */
function acquireNew(window: ShareWindow, ask: Acquisition, stretch: Stretch): AcquiredRecords {
  const { maxRecords, lastOffset } = stretch
  const isEmpty = window.batches.length === 0
  const firstAcquired = isEmpty && window.endOffset > stretch.firstOffset ? window.endOffset : stretch.firstOffset
  let lastAcquired = lastOffset
  if (maxRecords < lastOffset - firstAcquired + 1) {
    lastAcquired = endOfBatchWith(ask.batches, firstAcquired + maxRecords - 1)
    if (window.isGapOpen) lastAcquired = Math.min(lastAcquired, lastOffset)
  }
  const records = addNew(window, ask, { firstOffset: firstAcquired, lastOffset: lastAcquired, maxRecords })
  if (window.batches[0]?.firstOffset === firstAcquired) window.startOffset = firstAcquired
  if (lastAcquired > window.endOffset) window.endOffset = lastAcquired
  if (ask.isRecordLimit) lastAcquired = (records[0] as Acquired).lastOffset
  window.closeGapUpTo(lastAcquired + 1)
  return { records, count: lastAcquired - firstAcquired + 1 }
}

function addNew(window: ShareWindow, ask: Acquisition, stretch: Stretch): Acquired[] {
  const { firstOffset, lastOffset, maxRecords } = stretch
  const { memberId, lockMs, makeLock } = ask
  if (ask.isRecordLimit && lastOffset - firstOffset + 1 > maxRecords) {
    const batch = new InFlightBatch(firstOffset, lastOffset, new InFlightState('acquired', 1, memberId))
    const lastAcquired = firstOffset + maxRecords - 1
    batch.splitAfter(lastAcquired, makeLock, lockMs)
    window.seeksAvailable = true
    window.add(batch)
    return [{ firstOffset, lastOffset: lastAcquired, deliveryCount: 1 }]
  }
  const acquired = cutIntoBatches(ask, firstOffset, lastOffset)
  for (const { firstOffset: from, lastOffset: to } of acquired) {
    const lock = makeLock(from, to, lockMs)
    window.add(new InFlightBatch(from, to, new InFlightState('acquired', 1, memberId, lock)))
  }
  return acquired
}

/** At the bounds of the log's batches, as soon as there are enough records. */
function cutIntoBatches({ isRecordLimit, batchSize, batches }: Acquisition, first: number, last: number): Acquired[] {
  const acquired: Acquired[] = []
  let from = first
  if (!isRecordLimit && last - first + 1 > batchSize) {
    for (const { baseOffset } of batches) {
      if (baseOffset > last) break
      if (baseOffset - from < batchSize) continue
      acquired.push({ firstOffset: from, lastOffset: baseOffset - 1, deliveryCount: 1 })
      from = baseOffset
    }
  }
  acquired.push({ firstOffset: from, lastOffset: last, deliveryCount: 1 })
  return acquired
}

function endOfBatchWith(batches: readonly FetchedBatch[], offset: number): number {
  const batch = batches.findLast(({ baseOffset }) => baseOffset <= offset)
  return batch !== undefined && offset <= batch.lastOffset ? batch.lastOffset : offset
}

/** What was delivered often is delivered in ever smaller portions: one bad record must not take others with it. */
function isThrottling(batch: InFlightBatch, { firstOffset, lastOffset }: Stretch, maxDeliveries: number): boolean {
  const limit = throttleLimit(maxDeliveries)
  if (batch.whole !== undefined) return batch.whole.isAvailable && batch.whole.deliveryCount >= limit
  for (const [, state] of batch.states(firstOffset, lastOffset)) {
    if (state.isAvailable && state.deliveryCount >= limit) return true
  }
  return false
}

function throttleLimit(maxDeliveries: number): number {
  return Math.max(2, Math.ceil(maxDeliveries / 2))
}

function joined(records: readonly Acquired[]): Acquired[] {
  const found: Acquired[] = []
  for (const each of records) {
    const last = found.at(-1)
    const continues = last?.lastOffset === each.firstOffset - 1 && last.deliveryCount === each.deliveryCount
    if (last !== undefined && continues) found[found.length - 1] = { ...last, lastOffset: each.lastOffset }
    else found.push(each)
  }
  return found
}

import { InFlightBatch, InFlightState, type MakeLock } from './share-in-flight.ts'
import type { ShareWindow } from './share-window.ts'

/** An offset range that a member acquired. */
export interface Acquired {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
}

/** The offset range of a batch of the log. */
export interface FetchedBatch {
  readonly baseOffset: number
  readonly lastOffset: number
}

export interface Acquisition {
  readonly memberId: string
  /** KIP-1206: at most `maxRecords` records; otherwise whole batches are acquired. */
  readonly isRecordLimit: boolean
  /** The preferred number of records per acquired batch. */
  readonly batchSize: number
  readonly maxRecords: number
  readonly fetchOffset: number
  /** The batches read from `fetchOffset`. */
  readonly batches: readonly FetchedBatch[]
  readonly maxDeliveries: number
  /** The limit of records in flight. */
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

/** Acquires the available records among those read for a member. */
export function acquire(window: ShareWindow, request: Acquisition): AcquiredRecords {
  const [first] = request.batches
  const last = request.batches.at(-1)
  if (request.maxRecords <= 0 || first === undefined || last === undefined) return nothing
  if (last.lastOffset < window.startOffset) return nothing
  const limits = limitsOf(window, request, last.lastOffset)
  if (limits.maxRecords <= 0) return nothing
  const { lastOffset } = limits
  let { baseOffset } = first
  archiveStale(window, request.fetchOffset, baseOffset)
  const floor = window.floor(baseOffset)
  if (floor === undefined) baseOffset = Math.max(baseOffset, window.startOffset)
  else if (floor.lastOffset >= baseOffset) baseOffset = floor.firstOffset
  const known = window.from(Math.min(first.baseOffset, baseOffset), lastOffset)
  if (known.length === 0) {
    return acquireNew(window, request, { firstOffset: baseOffset, lastOffset, maxRecords: limits.maxRecords })
  }
  return acquireKnown(window, request, known, { ...limits, firstOffset: first.baseOffset }, baseOffset)
}

function limitsOf(window: ShareWindow, request: Acquisition, lastOffset: number): Omit<Stretch, 'firstOffset'> {
  const allowance = Math.min(request.maxRecords, request.maxInFlight - window.length)
  if (allowance > 0 || request.fetchOffset > window.endOffset) return { maxRecords: allowance, lastOffset }
  // The limit of records in flight is reached, but records before the end offset are available again.
  const maxRecords = Math.min(request.maxRecords, window.endOffset - request.fetchOffset + 1)
  return { maxRecords, lastOffset: Math.min(lastOffset, window.endOffset) }
}

/** The log was compacted: records between the fetch offset and the first batch no longer exist. */
function archiveStale(window: ShareWindow, fetchOffset: number, baseOffset: number): void {
  if (window.batches.length === 0 || fetchOffset >= baseOffset) return
  const floor = window.floor(fetchOffset)
  const from = floor !== undefined && floor.lastOffset >= fetchOffset ? floor.firstOffset : fetchOffset
  const stale = window.from(from, baseOffset - 1)
  if (window.archive(stale, fetchOffset, baseOffset - 1, { from: 'available', counts: true })) {
    window.seeksAvailable = true
  }
}

/** Acquires from batches that are in flight already; records in gaps and after the batches are new. */
function acquireKnown(
  window: ShareWindow,
  request: Acquisition,
  known: readonly InFlightBatch[],
  { firstOffset, lastOffset, maxRecords }: Stretch,
  baseOffset: number,
): AcquiredRecords {
  const records: Acquired[] = []
  let count = 0
  let gapStart = baseOffset
  let isThrottled = false
  const takeNew = (from: number, to: number) => {
    const taken = acquireNew(window, request, { firstOffset: from, lastOffset: to, maxRecords: maxRecords - count })
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
    const throttles = isThrottling(batch, stretch, request.maxDeliveries)
    if (throttles && count > 0) {
      isThrottled = true
      break
    }
    const taken = acquireBatch(window, request, { batch, stretch, throttles })
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
  request: Acquisition,
  { batch, stretch, throttles }: { batch: InFlightBatch; stretch: Stretch; throttles: boolean },
): AcquiredRecords {
  const { whole } = batch
  const isCut = request.isRecordLimit && batch.length > stretch.maxRecords
  if (whole !== undefined && !whole.isAvailable) return nothing
  if (whole !== undefined && batch.isWithin(stretch.firstOffset, stretch.lastOffset) && !isCut && !throttles) {
    whole.acquire(request.memberId)
    whole.takeLock(request.makeLock(batch.firstOffset, batch.lastOffset, request.lockMs))
    const { firstOffset, lastOffset, length } = batch
    return { records: [{ firstOffset, lastOffset, deliveryCount: whole.deliveryCount }], count: length }
  }
  window.split(batch)
  return acquireEach(request, batch, stretch)
}

function acquireEach(request: Acquisition, batch: InFlightBatch, stretch: Stretch): AcquiredRecords {
  const { maxDeliveries } = request
  const throttledFrom = throttleLimit(maxDeliveries)
  const taken: Acquired[] = []
  let limit = request.isRecordLimit ? stretch.maxRecords : Number.POSITIVE_INFINITY
  let isThrottled = false
  for (const [offset, state] of batch.states(stretch.firstOffset, stretch.lastOffset)) {
    if (!state.isAvailable) continue
    const { deliveryCount: before } = state
    // A record's last delivery contains no other record, so that no other record can make it fail.
    if (maxDeliveries > 2 && before === maxDeliveries - 1 && taken.length > 0) break
    if (before >= throttledFrom && !isThrottled) {
      isThrottled = true
      limit = Math.min(limit, Math.max(1, batch.length >> (before - throttledFrom + 1)))
    }
    state.acquire(request.memberId)
    state.takeLock(request.makeLock(offset, offset, request.lockMs))
    const { deliveryCount } = state
    taken.push({ firstOffset: offset, lastOffset: offset, deliveryCount })
    if ((deliveryCount === maxDeliveries && maxDeliveries > 2) || taken.length >= limit) break
  }
  return { records: joined(taken), count: taken.length }
}

/** Acquires records that were never delivered. */
function acquireNew(window: ShareWindow, request: Acquisition, stretch: Stretch): AcquiredRecords {
  const { maxRecords, lastOffset } = stretch
  const isEmpty = window.batches.length === 0
  const firstAcquired = isEmpty && window.endOffset > stretch.firstOffset ? window.endOffset : stretch.firstOffset
  let lastAcquired = lastOffset
  if (maxRecords < lastOffset - firstAcquired + 1) {
    lastAcquired = endOfBatchWith(request.batches, firstAcquired + maxRecords - 1)
    if (window.isGapOpen) lastAcquired = Math.min(lastAcquired, lastOffset)
  }
  const records = addNew(window, request, { firstOffset: firstAcquired, lastOffset: lastAcquired, maxRecords })
  if (window.batches[0]?.firstOffset === firstAcquired) window.startOffset = firstAcquired
  if (lastAcquired > window.endOffset) window.endOffset = lastAcquired
  if (request.isRecordLimit) lastAcquired = (records[0] as Acquired).lastOffset
  window.closeGapUpTo(lastAcquired + 1)
  return { records, count: lastAcquired - firstAcquired + 1 }
}

function addNew(window: ShareWindow, request: Acquisition, stretch: Stretch): Acquired[] {
  const { firstOffset, lastOffset, maxRecords } = stretch
  const { memberId, lockMs, makeLock } = request
  if (request.isRecordLimit && lastOffset - firstOffset + 1 > maxRecords) {
    const batch = new InFlightBatch(firstOffset, lastOffset, new InFlightState('acquired', 1, memberId))
    const lastAcquired = firstOffset + maxRecords - 1
    batch.splitAfter(lastAcquired, makeLock, lockMs)
    window.seeksAvailable = true
    window.add(batch)
    return [{ firstOffset, lastOffset: lastAcquired, deliveryCount: 1 }]
  }
  const acquired = cutIntoBatches(request, firstOffset, lastOffset)
  for (const { firstOffset: from, lastOffset: to } of acquired) {
    const lock = makeLock(from, to, lockMs)
    window.add(new InFlightBatch(from, to, new InFlightState('acquired', 1, memberId, lock)))
  }
  return acquired
}

/** Splits a range at batch boundaries of the log into parts of at least `batchSize` records. */
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

/** True from half of the delivery limit on: fewer and fewer records are delivered together, to isolate a bad record. */
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

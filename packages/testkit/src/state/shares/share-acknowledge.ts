import type { StateBatch } from './share-batches.ts'
import {
  type InFlightBatch,
  type InFlightState,
  isTerminal,
  NO_MEMBER,
  type RecordState,
  stateNumbers,
} from './share-in-flight.ts'
import { failed, type ShareFailure } from './share-state-shard.ts'
import type { ShareWindow } from './share-window.ts'

/** A member's acknowledgement of an offset range: one type for all records, or one for each. */
export interface Acknowledgement {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly types: readonly number[]
}

/** Kafka's acknowledgement types; 0 is a gap: there is no record. */
export const RENEW = 4
const stateOfType: Readonly<Record<number, RecordState>> = {
  0: 'archived',
  1: 'acknowledged',
  2: 'available',
  3: 'archived',
}

/** A state change that takes effect when it is persisted. */
export interface Change {
  readonly state: InFlightState
  readonly batch: StateBatch
}

export interface Changing {
  readonly window: ShareWindow
  readonly memberId: string
  readonly maxDeliveries: number
  readonly isRenewEnabled: boolean
  /** Restarts the acquisition lock of these records. */
  readonly renew: (state: InFlightState, firstOffset: number, lastOffset: number) => void
  readonly changes: Change[]
}

const invalidState = (message: string): ShareFailure => ({ error: 'INVALID_RECORD_STATE', message })
const notAcquired = 'The batch cannot be acknowledged. The batch is not in the acquired state.'
const pendingChange = 'The record state is invalid. The acknowledgement of delivery could not be completed.'
const notRenewed = 'Renewing acquisition locks is not enabled for the group.'

/** Starts the changes of an acknowledgement. After a failure the caller must roll back all `changes` so far. */
export function acknowledge(work: Changing, ack: Acknowledgement): ShareFailure | undefined {
  const { window, memberId } = work
  if (ack.lastOffset < window.startOffset) return undefined
  const batches = batchesOf(window, ack)
  if (!Array.isArray(batches)) return batches
  for (const batch of batches) {
    if (batch.lastOffset < window.startOffset) continue
    const { whole } = batch
    if (whole?.memberId === NO_MEMBER) return invalidState(notAcquired)
    if (whole !== undefined && whole.memberId !== memberId) {
      return invalidState('Member is not the owner of batch record')
    }
    if (whole?.isChanging) return invalidState(pendingChange)
    const isWhole = batch.isWithin(ack.firstOffset, ack.lastOffset) && ack.types.length === 1
    const isCut = window.beginsWithin(batch.firstOffset, batch.lastOffset)
    const failure =
      whole !== undefined && isWhole && !isCut ? endWhole(work, batch, whole, ack) : endEach(work, batch, ack)
    if (failure !== undefined) return failure
  }
  return undefined
}

/** Starts to release a member's records. After a failure the caller must roll back all `changes` so far. */
export function release(work: Changing): ShareFailure | undefined {
  const { window, memberId } = work
  for (const batch of window.batches) {
    const { whole } = batch
    const isOwn = whole?.state === 'acquired' && whole.memberId === memberId
    if (isOwn && window.beginsWithin(batch.firstOffset, batch.lastOffset)) window.split(batch)
    for (const [firstOffset, lastOffset, state] of statesOf(batch)) {
      if (state.state !== 'acquired' || state.memberId !== memberId) continue
      const isGone = lastOffset < window.startOffset
      const to = isGone ? 'archived' : 'available'
      if (!begin(work, { firstOffset, lastOffset, state }, to)) {
        return invalidState(
          `Unable to release acquired records for the ${batch.whole === undefined ? 'offset' : 'batch'}`,
        )
      }
    }
  }
  return undefined
}

/** The acquisition lock expired: the change takes effect immediately, without waiting for the persister. */
export function expire(
  window: ShareWindow,
  maxDeliveries: number,
  stretch: Pick<Acknowledgement, 'firstOffset' | 'lastOffset'>,
): StateBatch[] {
  const floor = window.floor(stretch.firstOffset)
  if (floor === undefined) return []
  const released: StateBatch[] = []
  for (const batch of window.from(floor.firstOffset, stretch.lastOffset)) {
    const isCut = window.beginsWithin(batch.firstOffset, batch.lastOffset)
    if (batch.whole?.state === 'acquired' && isCut) window.split(batch)
    const isWhole = batch.whole !== undefined
    for (const [firstOffset, lastOffset, state] of statesOf(batch, stretch)) {
      const to = lastOffset < window.startOffset ? 'archived' : 'available'
      if (!state.end(to, maxDeliveries)) continue
      released.push(stateBatch(firstOffset, lastOffset, state))
      state.dropLock()
      if (state.state !== 'archived') window.seeksAvailable = true
      else if (isWhole || firstOffset >= window.startOffset) {
        window.completeCount += window.countFromStart(firstOffset, lastOffset)
      }
    }
  }
  return released
}

/** Reverts changes that could not be persisted. */
export function rollBack(window: ShareWindow, changes: readonly Change[]): void {
  for (const { state, batch } of changes) {
    const wasDone = isTerminalNumber(batch.deliveryState)
    state.rollBack()
    if (state.state === 'available') window.seeksAvailable = true
    if (wasDone && !isTerminal(state.state)) {
      window.completeCount -= window.countFromStart(batch.firstOffset, batch.lastOffset)
    }
  }
}

/** Completes changes that are persisted. */
export function commit(window: ShareWindow, changes: readonly Change[]): void {
  for (const { state } of changes) {
    state.commit()
    if (state.state === 'available') window.seeksAvailable = true
  }
}

function batchesOf(window: ShareWindow, ack: Acknowledgement): InFlightBatch[] | ShareFailure {
  let first = window.floor(ack.firstOffset)
  if (first === undefined && window.beginsWithin(ack.firstOffset, ack.lastOffset)) {
    first = window.floor(window.startOffset)
  }
  if (first === undefined) {
    return invalidState('Batch record not found. The request batch offsets are not found in the cache.')
  }
  const batches = window.from(first.firstOffset, ack.lastOffset)
  const { lastOffset } = batches.at(-1) as InFlightBatch
  const invalid = (what: string): ShareFailure => ({
    error: 'INVALID_REQUEST',
    message: `Batch record not found. The ${what} offset in request is past acquired records.`,
  })
  if (lastOffset < ack.firstOffset) return invalid('first')
  return ack.lastOffset > lastOffset ? invalid('last') : batches
}

function endWhole(
  work: Changing,
  batch: InFlightBatch,
  state: InFlightState,
  { types }: Acknowledgement,
): ShareFailure | undefined {
  if (state.state !== 'acquired') return invalidState(notAcquired)
  const { firstOffset, lastOffset } = batch
  const [type = 0] = types
  if (type === RENEW) {
    if (!work.isRenewEnabled) return invalidState(notRenewed)
    work.renew(state, firstOffset, lastOffset)
    return undefined
  }
  const to = stateOfType[type]
  if (to === undefined) return { ...failed('UNKNOWN_SERVER_ERROR'), message: `Unknown acknowledge type id: ${type}` }
  if (begin(work, { firstOffset, lastOffset, state }, to)) return undefined
  return invalidState('Unable to acknowledge records for the batch')
}

function endEach(work: Changing, batch: InFlightBatch, ack: Acknowledgement): ShareFailure | undefined {
  const { window, memberId } = work
  if (batch.whole !== undefined) {
    if (batch.whole.state !== 'acquired') {
      return invalidState('The batch cannot be acknowledged. The subset batch is not in the acquired state.')
    }
    window.split(batch)
  }
  const from = Math.max(ack.firstOffset, window.startOffset)
  for (const [offset, state] of batch.states(from, ack.lastOffset)) {
    if (state.state !== 'acquired') {
      return invalidState('The offset cannot be acknowledged. The offset is not acquired.')
    }
    if (state.isChanging) return invalidState(pendingChange)
    if (state.memberId !== memberId) return invalidState('Member is not the owner of offset')
    const type = (ack.types.length > 1 ? ack.types[offset - ack.firstOffset] : ack.types[0]) ?? 0
    if (type === RENEW) {
      if (!work.isRenewEnabled) return invalidState(notRenewed)
      work.renew(state, offset, offset)
      continue
    }
    const to = stateOfType[type]
    if (to === undefined) return { ...failed('UNKNOWN_SERVER_ERROR'), message: `Unknown acknowledge type id: ${type}` }
    if (!begin(work, { firstOffset: offset, lastOffset: offset, state }, to)) {
      return invalidState('Unable to acknowledge records for the batch')
    }
  }
  return undefined
}

function begin(
  { window, maxDeliveries, changes }: Changing,
  at: { readonly firstOffset: number; readonly lastOffset: number; readonly state: InFlightState },
  to: RecordState,
): boolean {
  const { firstOffset, lastOffset, state } = at
  if (!state.beginEnd(to, maxDeliveries)) return false
  changes.push({ state, batch: stateBatch(firstOffset, lastOffset, state) })
  if (isTerminal(state.state)) window.completeCount += window.countFromStart(firstOffset, lastOffset)
  return true
}

/** The states of a batch, each with its offset range. */
function* statesOf(
  batch: InFlightBatch,
  { firstOffset, lastOffset }: Pick<Acknowledgement, 'firstOffset' | 'lastOffset'> = batch,
): Generator<[firstOffset: number, lastOffset: number, state: InFlightState]> {
  if (batch.whole !== undefined) yield [batch.firstOffset, batch.lastOffset, batch.whole]
  else for (const [offset, state] of batch.states(firstOffset, lastOffset)) yield [offset, offset, state]
}

function stateBatch(firstOffset: number, lastOffset: number, { state, deliveryCount }: InFlightState): StateBatch {
  return { firstOffset, lastOffset, deliveryState: stateNumbers[state], deliveryCount }
}

const isTerminalNumber = (id: number) => id === stateNumbers.acknowledged || id === stateNumbers.archived

export type RecordState = 'available' | 'acquired' | 'acknowledged' | 'archived'

/** Kafka's numbers, as they are persisted. */
export const stateNumbers = { available: 0, acquired: 1, acknowledged: 2, archived: 4 } as const

export function stateOfNumber(id: number): RecordState {
  if (id === stateNumbers.acknowledged) return 'acknowledged'
  return id === stateNumbers.archived ? 'archived' : 'available'
}

/** Whether nothing happens to the record any more. */
export const isTerminal = (state: RecordState): boolean => state === 'acknowledged' || state === 'archived'

/** Nobody. */
export const NO_MEMBER = ''

/** Until when records are their member's. */
export interface Lock {
  readonly endMs: number
  /** The time was over, whatever came of it. */
  hasExpired: boolean
  cancel(): void
}

/** Makes the lock of records; when its time is over they are released. */
export type MakeLock = (firstOffset: number, lastOffset: number, delayMs: number) => Lock

interface Before {
  readonly state: RecordState
  readonly memberId: string
  readonly maxDeliveries: number
}

/** The state of one record, or of all records of a batch alike. */
export class InFlightState {
  #state: RecordState
  #deliveryCount: number
  #memberId: string
  #lock: Lock | undefined
  #before: Before | undefined
  #isArchived = false

  constructor(state: RecordState, deliveryCount: number, memberId: string, lock?: Lock) {
    this.#state = state
    this.#deliveryCount = deliveryCount
    this.#memberId = memberId
    this.#lock = lock
  }

  get state(): RecordState {
    return this.#state
  }

  get deliveryCount(): number {
    return this.#deliveryCount
  }

  /** Who has it; '' for nobody. */
  get memberId(): string {
    return this.#memberId
  }

  get lock(): Lock | undefined {
    return this.#lock
  }

  /** A change is being persisted. */
  get isChanging(): boolean {
    return this.#before !== undefined
  }

  get isAvailable(): boolean {
    return this.#state === 'available' && !this.isChanging
  }

  takeLock(lock: Lock): void {
    this.#lock?.cancel()
    this.#lock = lock
  }

  dropLock(): void {
    this.#lock?.cancel()
    this.#lock = undefined
  }

  /** False while another change is being persisted. */
  acquire(memberId: string): boolean {
    if (!this.isAvailable) return false
    this.#state = 'acquired'
    this.#deliveryCount++
    this.#memberId = memberId
    return true
  }

  /** From acquired to something else; what was delivered too often is archived instead of released. False if it may not. */
  end(state: RecordState, maxDeliveries: number): boolean {
    if (this.#state !== 'acquired' || this.isChanging) return false
    this.#state = state === 'available' && this.#deliveryCount >= maxDeliveries ? 'archived' : state
    this.#memberId = NO_MEMBER
    return true
  }

  /** The same, until `commit` or `rollBack`. */
  beginEnd(state: RecordState, maxDeliveries: number): boolean {
    const before = { state: this.#state, memberId: this.#memberId, maxDeliveries }
    if (!this.end(state, maxDeliveries)) return false
    this.#before = before
    return true
  }

  commit(): void {
    this.dropLock()
    this.#before = undefined
  }

  /** As it was, unless its time was over meanwhile. */
  rollBack(): void {
    const before = this.#before
    this.#before = undefined
    if (this.#isArchived || before === undefined) {
      this.dropLock()
    } else if (this.#lock?.hasExpired) {
      this.#state = this.#deliveryCount >= before.maxDeliveries ? 'archived' : 'available'
      this.#memberId = NO_MEMBER
      this.dropLock()
    } else {
      this.#state = before.state
      this.#memberId = before.memberId
    }
  }

  /** It is gone from the log, or was aborted. */
  archive(): void {
    this.#isArchived = true
    this.#state = 'archived'
    this.#memberId = NO_MEMBER
    this.dropLock()
  }
}

/** Records that were fetched together: one state for all, or one for each as soon as they differ. */
export class InFlightBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  #whole: InFlightState | undefined
  #each: InFlightState[] | undefined

  constructor(firstOffset: number, lastOffset: number, state: InFlightState) {
    this.firstOffset = firstOffset
    this.lastOffset = lastOffset
    this.#whole = state
  }

  /** The state of all; undefined when each record has its own. */
  get whole(): InFlightState | undefined {
    return this.#whole
  }

  get length(): number {
    return this.lastOffset - this.firstOffset + 1
  }

  stateAt(offset: number): InFlightState {
    return this.#whole ?? ((this.#each as InFlightState[])[offset - this.firstOffset] as InFlightState)
  }

  /** The states of the records of a stretch, with their offsets; of all of them by default. */
  *states(from = this.firstOffset, to = this.lastOffset): Generator<[offset: number, state: InFlightState]> {
    const end = Math.min(to, this.lastOffset)
    for (let at = Math.max(from, this.firstOffset); at <= end; at++) yield [at, this.stateAt(at)]
  }

  /** Whether it lies in a stretch as a whole. */
  isWithin(from: number, to: number): boolean {
    return this.firstOffset >= from && this.lastOffset <= to
  }

  /** From now on each record has a state of its own, with what is left of the lock. */
  split(makeLock: MakeLock, nowMs: number): void {
    const whole = this.#whole
    if (whole === undefined) return
    const { state, deliveryCount, memberId, lock } = whole
    this.#each = Array.from({ length: this.length }, (_, index) => {
      const at = this.firstOffset + index
      const own = lock && makeLock(at, at, Math.max(0, lock.endMs - nowMs))
      return new InFlightState(state, deliveryCount, memberId, own)
    })
    whole.dropLock()
    this.#whole = undefined
  }

  /** The records up to an offset are acquired; those after it were fetched with them, but nobody has them. */
  splitAfter(lastAcquired: number, makeLock: MakeLock, lockMs: number): void {
    const whole = this.#whole
    if (whole === undefined) return
    const { state, deliveryCount, memberId } = whole
    this.#each = Array.from({ length: this.length }, (_, index) => {
      const at = this.firstOffset + index
      if (at > lastAcquired) return new InFlightState('available', deliveryCount - 1, NO_MEMBER)
      return new InFlightState(state, deliveryCount, memberId, makeLock(at, at, lockMs))
    })
    this.#whole = undefined
  }

  /** Nobody watches it any more. */
  dropLocks(): void {
    for (const state of this.#each ?? [this.#whole]) state?.dropLock()
  }
}

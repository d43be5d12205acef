export type RecordState = 'available' | 'acquired' | 'acknowledged' | 'archived'

/** Kafka's numbers of the states, as persisted. */
export const stateNumbers = { available: 0, acquired: 1, acknowledged: 2, archived: 4 } as const

export function stateOfNumber(id: number): RecordState {
  if (id === stateNumbers.acknowledged) return 'acknowledged'
  return id === stateNumbers.archived ? 'archived' : 'available'
}

/** Whether the state is final. */
export const isTerminal = (state: RecordState): boolean => state === 'acknowledged' || state === 'archived'

/** The member id of records that no member has. */
export const NO_MEMBER = ''

/** The acquisition lock of records. */
export interface Lock {
  readonly endMs: number
  /** The lock timed out, even if the records could not be released then. */
  hasExpired: boolean
  cancel(): void
}

/** Creates an acquisition lock; the records are released when it expires. */
export type MakeLock = (firstOffset: number, lastOffset: number, delayMs: number) => Lock

interface Before {
  readonly state: RecordState
  readonly memberId: string
  readonly maxDeliveries: number
}

/** The state of one record, or the common state of all records of a batch. */
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

  /** The member that acquired it; '' for none. */
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

  /** Leaves the acquired state; at the delivery limit the record is archived instead of released. False if not allowed. */
  end(state: RecordState, maxDeliveries: number): boolean {
    if (this.#state !== 'acquired' || this.isChanging) return false
    this.#state = state === 'available' && this.#deliveryCount >= maxDeliveries ? 'archived' : state
    this.#memberId = NO_MEMBER
    return true
  }

  /** Like `end`, pending until `commit` or `rollBack`. */
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

  /** Restores the state before `beginEnd`, unless the lock expired in the meantime. */
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

  /** The record was deleted from the log, or its transaction was aborted. */
  archive(): void {
    this.#isArchived = true
    this.#state = 'archived'
    this.#memberId = NO_MEMBER
    this.dropLock()
  }
}

/** Records that were fetched together: one common state, or one per record once they differ. */
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

  /** The common state; undefined when each record has its own. */
  get whole(): InFlightState | undefined {
    return this.#whole
  }

  get length(): number {
    return this.lastOffset - this.firstOffset + 1
  }

  stateAt(offset: number): InFlightState {
    return this.#whole ?? ((this.#each as InFlightState[])[offset - this.firstOffset] as InFlightState)
  }

  /** The states of the records in an offset range (default: all), with their offsets. */
  *states(from = this.firstOffset, to = this.lastOffset): Generator<[offset: number, state: InFlightState]> {
    const end = Math.min(to, this.lastOffset)
    for (let at = Math.max(from, this.firstOffset); at <= end; at++) yield [at, this.stateAt(at)]
  }

  /** Whether the whole batch is within an offset range. */
  isWithin(from: number, to: number): boolean {
    return this.firstOffset >= from && this.lastOffset <= to
  }

  /** Gives each record its own state, with the remaining time of the lock. */
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

  /** Acquires the records up to an offset; the rest of the batch becomes available. */
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

  /** Cancels all acquisition locks. */
  dropLocks(): void {
    for (const state of this.#each ?? [this.#whole]) state?.dropLock()
  }
}

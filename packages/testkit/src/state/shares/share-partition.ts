import type { ErrorName } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import {
  type Acknowledgement,
  acknowledge,
  type Change,
  type Changing,
  commit,
  expire,
  release,
  rollBack,
} from './share-acknowledge.ts'
import { type AcquiredRecords, type Acquisition, acquire } from './share-acquire.ts'
import type { StateBatch } from './share-batches.ts'
import type { ShareConfig } from './share-config.ts'
import { InFlightBatch, InFlightState, isTerminal, type Lock, NO_MEMBER, stateOfNumber } from './share-in-flight.ts'
import type { SharePersister } from './share-persister.ts'
import type { ShareKey } from './share-state-records.ts'
import type { ReadState, ShareFailure, Written } from './share-state-shard.ts'
import { ShareWindow } from './share-window.ts'

export interface SharePartitionOptions {
  readonly key: ShareKey
  /** The leader epoch of the partition on this broker. */
  readonly leaderEpoch: number
  readonly runtime: Pick<Runtime, 'setTimer' | 'clearTimer' | 'monoNow'>
  readonly persister: SharePersister
  /** The group's current configs. */
  readonly config: () => ShareConfig
  /** The start offset of a group without state, or why it is unavailable. */
  readonly firstOffset: (reset: ShareConfig['autoOffsetReset']) => number | ShareFailure
}

export type ShareWish = Pick<
  Acquisition,
  'memberId' | 'isRecordLimit' | 'batchSize' | 'maxRecords' | 'fetchOffset' | 'batches'
>

type Life = 'empty' | 'initializing' | 'active' | 'failed' | 'fenced'

/** A share partition: one group's state in one partition, on the partition's leader. */
export class SharePartition {
  readonly key: ShareKey
  readonly leaderEpoch: number
  readonly #options: SharePartitionOptions
  readonly #window: ShareWindow
  readonly #watchers = new Set<() => void>()
  #life: Life = 'empty'
  #stateEpoch = 0

  constructor(options: SharePartitionOptions) {
    this.#options = options
    this.key = options.key
    this.leaderEpoch = options.leaderEpoch
    const makeLock = (firstOffset: number, lastOffset: number, delayMs: number) =>
      this.#lock(firstOffset, lastOffset, delayMs)
    this.#window = new ShareWindow(makeLock, () => options.runtime.monoNow())
  }

  get isActive(): boolean {
    return this.#life === 'active'
  }

  /** SPSO: all records before it are in a final state. */
  get startOffset(): number {
    return this.#window.startOffset
  }

  /** SPEO. */
  get endOffset(): number {
    return this.#window.endOffset
  }

  /** For tests and tools: the state of a record in flight. */
  stateAt(offset: number): InFlightState | undefined {
    const batch = this.#window.floor(offset)
    return batch === undefined || offset > batch.lastOffset ? undefined : batch.stateAt(offset)
  }

  /** Loads the state from the coordinator; `failed` is called on an error. */
  initialize(failed: (failure: ShareFailure) => void): void {
    if (this.#life !== 'empty') return
    this.#life = 'initializing'
    const { key, leaderEpoch } = this
    this.#options.persister.ask<ReadState>(
      key,
      (shard, done) => shard.read(key, leaderEpoch, done),
      (result) => {
        if (this.#life !== 'initializing') return
        const failure = result.error === undefined ? this.#load(result) : forLeader(result as ShareFailure)
        this.#life = failure === undefined ? 'active' : 'failed'
        if (failure !== undefined) failed(failure)
        this.changed()
      },
    )
  }

  /** Whether records are available or the limit of records in flight allows more. */
  get canAcquire(): boolean {
    const window = this.#window
    if (window.nextFetchOffset() !== window.endOffset + 1) return true
    return window.length < this.#options.config().partitionMaxRecordLocks
  }

  get nextFetchOffset(): number {
    return this.#window.nextFetchOffset()
  }

  acquire(wish: ShareWish): AcquiredRecords {
    if (!this.isActive) return { records: [], count: 0 }
    const { recordLockDurationMs: lockMs, deliveryCountLimit, partitionMaxRecordLocks } = this.#options.config()
    return acquire(this.#window, {
      ...wish,
      ...{ lockMs, maxDeliveries: deliveryCountLimit, maxInFlight: partitionMaxRecordLocks },
      makeLock: (firstOffset, lastOffset, delayMs) => this.#lock(firstOffset, lastOffset, delayMs),
    })
  }

  /** Archives acquired records of an aborted transaction. */
  archiveAborted(firstOffset: number, lastOffset: number): void {
    const window = this.#window
    const from = window.floor(firstOffset)?.firstOffset ?? firstOffset
    window.archive(window.from(from, lastOffset), firstOffset, lastOffset, { from: 'acquired', counts: true })
  }

  logStartMoved(offset: number): void {
    this.#window.logStartMoved(offset)
  }

  acknowledge(memberId: string, acks: readonly Acknowledgement[], done: (failure?: ShareFailure) => void): void {
    const work = this.#work(memberId)
    for (const ack of acks) {
      const failure = acknowledge(work, ack)
      if (failure === undefined) continue
      rollBack(this.#window, work.changes)
      done(failure)
      return
    }
    this.#persist(work.changes, done)
  }

  /** The member left: its records become available to others. */
  release(memberId: string, done: (failure?: ShareFailure) => void): void {
    const work = this.#work(memberId)
    const failure = release(work)
    if (failure === undefined) {
      this.#persist(work.changes, done)
      return
    }
    rollBack(this.#window, work.changes)
    done(failure)
  }

  /** Another broker is the leader, or no member of the group is connected here any more. */
  fence(): void {
    this.#life = 'fenced'
    this.#window.dropLocks()
    this.changed()
  }

  /** Calls `listener` when records may be available, or when the share partition is fenced. */
  watch(listener: () => void): void {
    this.#watchers.add(listener)
  }

  unwatch(listener: () => void): void {
    this.#watchers.delete(listener)
  }

  changed(): void {
    for (const listener of [...this.#watchers]) listener()
  }

  #load({ startOffset, stateEpoch, batches }: ReadState): ShareFailure | undefined {
    const window = this.#window
    const first = startOffset === -1 ? this.#options.firstOffset(this.#options.config().autoOffsetReset) : startOffset
    if (typeof first !== 'number') return first
    window.startOffset = first
    this.#stateEpoch = stateEpoch
    let gapStart = -1
    let end = first - 1
    for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of batches) {
      if (gapStart === -1 && firstOffset > end + 1) gapStart = end + 1
      end = lastOffset
      const state = new InFlightState(stateOfNumber(deliveryState), deliveryCount, NO_MEMBER)
      window.add(new InFlightBatch(firstOffset, lastOffset, state))
      if (isTerminal(state.state)) window.completeCount += lastOffset - firstOffset + 1
    }
    window.endOffset = batches.length === 0 ? first : end
    if (batches.length === 0) return undefined
    window.seeksAvailable = true
    if (gapStart !== -1) window.openGap(gapStart)
    window.advanceStart()
    return undefined
  }

  #work(memberId: string): Changing {
    const { deliveryCountLimit, isRenewEnabled, recordLockDurationMs } = this.#options.config()
    return {
      window: this.#window,
      memberId,
      maxDeliveries: deliveryCountLimit,
      isRenewEnabled,
      renew: (state, firstOffset, lastOffset) =>
        state.takeLock(this.#lock(firstOffset, lastOffset, recordLockDurationMs)),
      changes: [],
    }
  }

  #persist(changes: readonly Change[], done: (failure?: ShareFailure) => void): void {
    if (changes.length === 0) {
      done()
      return
    }
    this.#write(
      changes.map(({ batch }) => batch),
      (failure) => {
        const window = this.#window
        if (failure === undefined) commit(window, changes)
        else rollBack(window, changes)
        if (failure === undefined) window.advanceStart()
        if (this.#life === 'fenced') window.dropLocks()
        done(failure)
        this.changed()
      },
    )
  }

  #lock(firstOffset: number, lastOffset: number, delayMs: number): Lock {
    const { runtime } = this.#options
    const timer = runtime.setTimer(() => {
      lock.hasExpired = true
      this.#expire(firstOffset, lastOffset)
    }, delayMs)
    const lock: Lock = {
      endMs: runtime.monoNow() + delayMs,
      hasExpired: false,
      cancel: () => runtime.clearTimer(timer),
    }
    return lock
  }

  #expire(firstOffset: number, lastOffset: number): void {
    if (!this.isActive) return
    const released = expire(this.#window, this.#options.config().deliveryCountLimit, { firstOffset, lastOffset })
    if (released.length === 0) return
    this.#write(released, () => {
      if (this.#window.advanceStart()) this.changed()
    })
    this.changed()
  }

  #write(batches: readonly StateBatch[], done: (failure: ShareFailure | undefined) => void): void {
    const { key, leaderEpoch } = this
    const { startOffset, completeCount: deliveryCompleteCount } = this.#window
    const write = { stateEpoch: this.#stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount, batches }
    this.#options.persister.ask<Written>(
      key,
      (shard, written) => shard.write(key, write, written),
      (result) => done(result.error === undefined ? undefined : forLeader(result as ShareFailure)),
    )
  }
}

const coordinatorErrors: ReadonlySet<ErrorName> = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
])

/** Translates a coordinator's error into the one the partition leader returns. */
function forLeader({ error, message }: ShareFailure): ShareFailure {
  if (coordinatorErrors.has(error)) return { error: 'COORDINATOR_NOT_AVAILABLE', message }
  if (error === 'GROUP_ID_NOT_FOUND' || error === 'UNKNOWN_TOPIC_OR_PARTITION') return { error, message }
  if (error === 'FENCED_LEADER_EPOCH' || error === 'FENCED_STATE_EPOCH') {
    return { error: 'NOT_LEADER_OR_FOLLOWER', message }
  }
  return { error: 'UNKNOWN_SERVER_ERROR', message }
}

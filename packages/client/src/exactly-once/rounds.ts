import type { CommitOptions } from '../consumer/offsets/commit-call.ts'
import type { ProgressFlush } from '../consumer/offsets/progress-flush.ts'
import type { AssignedPartition } from '../consumer/partition/assigned-partition.ts'
import { asKafkaError, closedError, KafkaError } from '../errors.ts'
import type { Transaction } from '../producer/transactions/transaction.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { WakeUp, waitAtMost, withSignal } from '../runtime/wait.ts'
import { deliveredOf, type OffsetOfRound, offsetsOf } from './offsets-of-round.ts'
import type { RoundPolicy } from './options.ts'
import type { ProducerSlot } from './producer-slot.ts'
import { Recovery } from './recovery.ts'
import { Round } from './round.ts'
import { abortedRoundError, type FailedItem, failureOf, movedError, type RoundFailure } from './round-failure.ts'
import type { RoundsHost } from './rounds-host.ts'

/** The share of `transactionTimeoutMs` after which a transaction that is not being committed is aborted. */
const openShare = 0.8

/**
 * The transactions of a processor, one after the other, in place of a committer: what is processed in a round is stored by the
 * transaction that contains what the handlers have sent. A round that fails is aborted, and what it had is handed out again.
 */
export class Rounds implements ProgressFlush {
  readonly #host: RoundsHost
  readonly #policy: RoundPolicy
  readonly #recovery: Recovery
  readonly #timer: DeadlineTimer
  readonly #wake = new WakeUp()
  readonly #ending = new AbortController()
  /** Partitions whose start is to be stored before anything of them is processed: by the policy, another one would follow later. */
  readonly #starts = new Set<AssignedPartition>()
  /** Partitions whose progress moved without a handler. */
  readonly #moved = new Set<AssignedPartition>()
  /** Readers that wait for a round; false: they have to return what they have. */
  #entrants: ((mayContinue: boolean) => void)[] = []
  #round: Round | undefined
  /** How many messages a round may have: fewer after a handler failed, so that those before the failing one are committed. */
  #mostRecords: number
  #isStopped = false
  #driving: Promise<void> | undefined

  constructor(host: RoundsHost, policy: RoundPolicy, producer: ProducerSlot) {
    this.#host = host
    this.#policy = policy
    this.#mostRecords = policy.maxRecords
    this.#recovery = new Recovery(host, policy, producer, this.#ending.signal)
    this.#timer = new DeadlineTimer(host.runtime, (nowMs) => this.#onDue(nowMs))
  }

  /** Ends what a former instance has left open. False: the processor has ended. */
  register(): Promise<boolean> {
    return this.#recovery.register()
  }

  // ---- for readers

  /** The open round, in which a handler of this partition begins: `leave` of the round must follow. Undefined: none is open. */
  enter(partition: AssignedPartition): Round | undefined {
    const round = this.#round
    if (round === undefined || !round.isOpen) return undefined
    round.enter(partition)
    return round
  }

  /** Resolves when a round is open. False: the reader has to return its batch, and call `returned`. */
  opened(): Promise<boolean> {
    if (this.#isStopped || this.#recovery.isRunning) return Promise.resolve(false)
    return new Promise((resolve) => {
      this.#entrants.push(resolve)
      this.#wake.wake()
    })
  }

  /** A handler of the round has ended. */
  leave(round: Round, records: number): void {
    round.leave(records)
    if (round.records >= this.#mostRecords) round.demand()
  }

  /** A handler of the round failed: its transaction is aborted. */
  handlerFailed(round: Round, item: FailedItem): void {
    if (round.failure === undefined) this.#mostRecords = Math.max(1, round.records >> 1)
    this.#fail(round, { kind: 'handler', item }, 'a handler failed')
  }

  /** The reader has returned its batch of this partition; resolves when it may take the next one. */
  async returned(partition: AssignedPartition): Promise<void> {
    this.#recovery.returned(partition)
    await this.#recovery.ended
  }

  // ---- in place of a committer

  start(): void {
    this.#driving ??= this.#drive()
  }

  stop(): void {
    this.#isStopped = true
    this.#round?.demand()
    this.#admit(false)
    this.#wake.wake()
  }

  /** Readers report what is processed with the round. */
  counted(): void {}

  commitStart(partitions: Iterable<AssignedPartition>): void {
    for (const partition of partitions) this.#starts.add(partition)
    this.#wake.wake()
  }

  follow(partition: AssignedPartition): void {
    this.#moved.add(partition)
    this.#wake.wake()
  }

  /** The transaction has what is in the application's hands too: it is committed when the handlers have ended, or aborted. */
  revoking(partitions: Iterable<AssignedPartition>, graceMs: number): void {
    if (this.#concerns(partitions)) this.#endWithin(graceMs)
  }

  async commitProgress(partitions: Iterable<AssignedPartition>, options: CommitOptions = {}): Promise<void> {
    const round = this.#round
    if (round === undefined || !this.#concerns(partitions)) return
    round.demand()
    const { timeoutMs = this.#policy.transactionTimeoutMs, signal } = options
    await waitAtMost(this.#host.runtime, timeoutMs, withSignal(round.ended, signal))
  }

  resume(): void {}

  revoked(partitions: Iterable<AssignedPartition>): void {
    const round = this.#round
    for (const partition of partitions) {
      this.#starts.delete(partition)
      this.#moved.delete(partition)
      this.#recovery.released(partition)
      if (round?.bases.has(partition) !== true) continue
      this.#fail(round, { kind: 'moved', error: movedError(partition) }, `${partition} was given up`)
    }
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#isStopped = true
    const round = this.#round
    if (round === undefined) return
    this.#endWithin(timeoutMs)
    await waitAtMost(this.#host.runtime, timeoutMs, round.ended)
  }

  close(): void {
    this.stop()
    const error = closedError('processor', 'not-written')
    if (this.#round !== undefined) this.#fail(this.#round, { kind: 'fatal', error }, 'the processor is closing')
    this.#ending.abort(error)
    this.#timer.stop()
    this.#recovery.close()
  }

  /** Resolves when nothing runs any more, after `close`, and when the producer is closed. */
  async closed(): Promise<void> {
    await this.#driving
  }

  // ---- rounds

  async #drive(): Promise<void> {
    const { signal } = this.#ending
    try {
      while (!signal.aborted) {
        await this.#wake.wait(signal)
        while (!this.#isStopped && this.#isNeeded) await this.#next()
      }
    } catch (error) {
      if (!signal.aborted) this.#host.fail(asKafkaError(error, 'Processing in transactions').with({ fatal: true }))
    }
    this.#admit(false)
  }

  async #next(): Promise<void> {
    const transaction = await this.#recovery.begin()
    if (transaction === undefined || this.#isStopped) return this.#discard(transaction)
    const { transactionTimeoutMs, commitIntervalMs } = this.#policy
    const nowMs = this.#host.runtime.monoNow()
    const round = new Round(transaction, nowMs, nowMs + transactionTimeoutMs * openShare)
    this.#round = round
    this.#timer.wakeBy(nowMs + commitIntervalMs)
    if (this.#starts.size === 0) {
      this.#admit(true)
      await round.due
    }
    round.seal()
    await round.quiet
    const failure = round.failure ?? (await this.#commit(round))
    this.#round = undefined
    if (failure === undefined) round.end()
    else await this.#abort(round, failure)
  }

  async #discard(transaction: Transaction | undefined): Promise<void> {
    this.stop()
    // It has not begun at the coordinator.
    await transaction?.abort().catch(() => {})
  }

  /** Returns why the round was not committed. */
  async #commit(round: Round): Promise<RoundFailure | undefined> {
    const moved = movedOf(round)
    if (moved !== undefined) return moved
    const also = [...this.#starts, ...this.#moved]
    const offsets = offsetsOf(new Set([...round.bases.keys(), ...also]))
    const { transaction, signal } = round
    try {
      if (offsets.length > 0) await transaction.sendOffsets(offsets.map(deliveredOf), { signal })
      if (!round.beginCommit()) return round.failure
      await transaction.commit()
    } catch (cause) {
      const failure = round.failure ?? failureOf(cause, 'Committing a transaction')
      if (failure.kind === 'final') return movedOf(round) ?? failure
      if (failure.kind !== 'unknown') return failure
      if (!(await this.#recovery.wasCommitted(offsets))) return { kind: 'transient', error: failure.error }
    }
    for (const partition of also) {
      this.#starts.delete(partition)
      this.#moved.delete(partition)
    }
    this.#stored(offsets, round)
    return undefined
  }

  #stored(offsets: readonly OffsetOfRound[], { records }: Round): void {
    for (const { owner, offset } of offsets) owner.progress.stored(offset)
    this.#recovery.succeeded(offsets)
    if (records > 0) this.#mostRecords = Math.min(this.#policy.maxRecords, 2 * this.#mostRecords)
    this.#host.releaseKept()
    this.#host.onCommitted(offsets, records)
  }

  async #abort(round: Round, failure: RoundFailure): Promise<void> {
    for (const delivery of this.#host.deliveries) {
      const { partition } = delivery
      if (partition === undefined || !round.bases.has(partition)) continue
      delivery.abort(abortedRoundError('another part of it failed'))
    }
    const recovering = this.#recovery.run(round, failure)
    this.#admit(false)
    await recovering
  }

  // ---- inside

  get #isNeeded(): boolean {
    return this.#entrants.length > 0 || this.#starts.size > 0 || this.#moved.size > 0
  }

  #concerns(partitions: Iterable<AssignedPartition>): boolean {
    const round = this.#round
    if (round === undefined) return false
    for (const partition of partitions) if (round.bases.has(partition)) return true
    return false
  }

  #endWithin(graceMs: number): void {
    const round = this.#round
    if (round === undefined) return
    round.cutOffBy(this.#host.runtime.monoNow() + graceMs)
    this.#timer.wakeBy(round.cutOffMs)
    round.demand()
  }

  #fail(round: Round, failure: RoundFailure, why: string): void {
    round.fail(failure, abortedRoundError(why))
  }

  #admit(mayContinue: boolean): void {
    const entrants = this.#entrants
    this.#entrants = []
    for (const resume of entrants) resume(mayContinue)
  }

  #onDue(nowMs: number): number {
    const round = this.#round
    if (round === undefined || !round.isUndecided) return Number.POSITIVE_INFINITY
    const dueMs = round.openedMs + this.#policy.commitIntervalMs
    if (nowMs >= dueMs) round.demand()
    if (nowMs >= round.cutOffMs) {
      this.#fail(round, { kind: 'transient', error: lateError(round, nowMs) }, 'it took too long')
      return Number.POSITIVE_INFINITY
    }
    return nowMs >= dueMs ? round.cutOffMs : Math.min(dueMs, round.cutOffMs)
  }
}

/** Why the round cannot be committed: a partition is no longer this member's, or has another position. */
function movedOf({ bases }: Round): RoundFailure | undefined {
  for (const [partition, { era }] of bases) {
    if (!partition.owned || partition.era !== era) return { kind: 'moved', error: movedError(partition) }
  }
  return undefined
}

function lateError({ openedMs, inHand }: Round, nowMs: number): KafkaError {
  const openMs = Math.round(nowMs - openedMs)
  const why = inHand > 0 ? `${inHand} handlers have not ended` : 'its offsets could not be stored'
  return new KafkaError('TIMED_OUT', `The transaction is open for ${openMs} ms and cannot be committed: ${why}`, {
    retriable: true,
    outcome: 'not-written',
    hint: 'Make handlers shorter, or raise transactionTimeoutMs.',
  })
}

import { retryBackoffMs } from '../cluster/retry-backoff.ts'
import type { AssignedPartition } from '../consumer/partition/assigned-partition.ts'
import { handlerError, unrecoveredError, verdictOf } from '../consumer/reading/runner.ts'
import { textOf } from '../error-data.ts'
import { isTransient } from '../error-meaning.ts'
import { asKafkaError, type KafkaError } from '../errors.ts'
import type { Transaction } from '../producer/transactions/transaction.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { type Deferred, deferred } from '../runtime/deferred.ts'
import { sleep, withSignal } from '../runtime/wait.ts'
import { FailedItems } from './failed-items.ts'
import type { OffsetOfRound } from './offsets-of-round.ts'
import type { RoundPolicy } from './options.ts'
import type { ProducerSlot } from './producer-slot.ts'
import { Rewinds } from './rewinds.ts'
import type { Round } from './round.ts'
import { type FailedItem, failureOf, type RoundFailure } from './round-failure.ts'
import type { RoundsHost } from './rounds-host.ts'

const rerunHint =
  'Fix the cause and start the processor again: it begins with this message, whose offset was not committed.'

/** Begins transactions, and repairs what a failed one leaves: aborts it, rewinds its partitions, and decides about another attempt. */
export class Recovery {
  readonly #host: RoundsHost
  readonly #policy: RoundPolicy
  readonly #producer: ProducerSlot
  /** Aborts when the processor ends. */
  readonly #ending: AbortSignal
  readonly #rewinds = new Rewinds()
  readonly #items: FailedItems
  #running: Deferred<void> | undefined
  /** Failures without a commit since, other than those of handlers. */
  #failures = 0
  #failingSinceMs = 0

  constructor(host: RoundsHost, policy: RoundPolicy, producer: ProducerSlot, ending: AbortSignal) {
    this.#host = host
    this.#policy = policy
    this.#producer = producer
    this.#ending = ending
    this.#items = new FailedItems(host.runtime, (partition) => host.ready(partition))
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Resolves when readers may take batches again. */
  get ended(): Promise<void> | undefined {
    return this.#running?.promise
  }

  /** Ends what a former instance has left open. False: the processor has ended. */
  async register(): Promise<boolean> {
    const registered = await this.#repeat('Registering the transactionalId', async (options) => {
      await this.#producer.ready(options)
      return true
    })
    return registered === true
  }

  /** Undefined: the processor has ended. */
  begin(): Promise<Transaction | undefined> {
    return this.#repeat('Beginning a transaction', (options) => this.#producer.begin(options))
  }

  /** Until it succeeds. Undefined: the processor has ended. */
  async #repeat<T>(
    operation: string,
    work: (options: { readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T | undefined> {
    while (!this.#ending.aborted) {
      try {
        return await work({ signal: this.#ending })
      } catch (cause) {
        if (this.#ending.aborted || !(await this.#repair(failureOf(cause, operation)))) return undefined
      }
    }
    return undefined
  }

  /** A round failed. Resolves when the next one may begin. */
  async run(round: Round, failure: RoundFailure): Promise<void> {
    const running = deferred<void>()
    this.#running = running
    try {
      const decided = await this.#decided(round, failure)
      await this.#abort(round)
      round.end()
      this.#host.onAborted()
      if (!(await this.#after(decided))) return
      this.#rewinds.add(round.bases)
      await this.#rewound()
    } finally {
      round.end()
      this.#running = undefined
      running.resolve()
    }
  }

  /** Waits for readers whose handlers still run, until the processor ends. */
  async #rewound(): Promise<void> {
    await withSignal(this.#rewinds.settled(), this.#ending).catch(() => {})
  }

  returned(partition: AssignedPartition): void {
    this.#rewinds.returned(partition)
  }

  released(partition: AssignedPartition): void {
    this.#rewinds.returned(partition)
    this.#items.forget(partition)
  }

  /** A transaction was committed with these offsets. */
  succeeded(offsets: readonly OffsetOfRound[]): void {
    this.#failures = 0
    for (const { owner, offset } of offsets) this.#items.committed(owner, offset)
  }

  /** Ends it for readers that wait. */
  close(): void {
    this.#items.close()
    this.#running?.resolve()
  }

  /**
   * It is unknown whether a transaction was committed. Another producer of the transactionalId resolves that at the coordinator; then
   * the group has its offsets, or those of before.
   */
  async wasCommitted(offsets: readonly OffsetOfRound[]): Promise<boolean> {
    this.#producer.replace()
    const resolved = await this.#repeat('Resolving a transaction', async ({ signal }) => {
      await this.#producer.ready({ signal })
      const owned = offsets.filter(({ owner }) => owner.owned)
      const found = await this.#host.committed(owned, signal)
      return found.length > 0 && found.every(({ offset }, i) => offset === owned[i]?.offset)
    })
    return resolved === true
  }

  // ---- inside

  /** A handler that fails because its transaction failed is a consequence of that. */
  async #decided({ transaction }: Round, failure: RoundFailure): Promise<RoundFailure> {
    if (failure.kind !== 'handler' || transaction.status !== 'failed') return failure
    const cause = await transaction.commit().then(
      () => undefined,
      (error: unknown) => error,
    )
    const reason = failureOf(cause, 'A transaction')
    return reason.kind === 'final' ? failure : reason
  }

  /** What cannot be aborted now is aborted before the next transaction begins. */
  async #abort({ transaction }: Round): Promise<void> {
    const { status } = transaction
    if (status !== 'open' && status !== 'failed') return
    try {
      await transaction.abort()
    } catch (error) {
      if (!this.#ending.aborted) this.#host.logger.debug('aborting a transaction failed', { error: textOf(error) })
    }
  }

  async #after(failure: RoundFailure): Promise<boolean> {
    if (failure.kind === 'handler') return this.#afterHandler(failure.item)
    return this.#repair(failure)
  }

  #afterHandler(item: FailedItem): boolean {
    const { partition, offset, error } = item
    if (!partition.owned) return true
    const attempt = this.#items.failed(partition, offset)
    const { retryIf, attempts, backoff } = this.#policy.retry
    const { isRetriable, thrown } = verdictOf(retryIf, error, attempt)
    if (thrown !== undefined || !isRetriable || attempt >= attempts) {
      const failed =
        thrown === undefined
          ? handlerError(partition, offset, attempt, false, error)
          : unrecoveredError(partition, offset, attempt, error, thrown)
      this.#host.fail(failed.with({ hint: rerunHint }))
      return false
    }
    const pauseMs = backoffMs(this.#host.runtime, attempt, backoff)
    const { topic, partition: number } = partition
    this.#host.onRetry({ topic, partition: number, offset, attempt, backoffMs: pauseMs, error })
    this.#items.park(partition, offset, pauseMs)
    return true
  }

  /** Waits before the next attempt; false: there is none. */
  async #repair(failure: Exclude<RoundFailure, { kind: 'handler' }>): Promise<boolean> {
    if (this.#ending.aborted) return false
    const { kind, error } = failure
    if (kind === 'fatal' || kind === 'final') {
      this.#host.fail(error)
      return false
    }
    if (kind === 'unknown') this.#producer.replace()
    const nowMs = this.#host.runtime.monoNow()
    if (this.#failures === 0) this.#failingSinceMs = nowMs
    this.#failures++
    this.#host.onFailure({ failures: this.#failures, error })
    const failingMs = Math.round(nowMs - this.#failingSinceMs)
    // A group that rebalances is no failure.
    if (kind !== 'moved' && failingMs >= this.#policy.retryTimeoutMs) {
      this.#host.fail(exhaustedError(error, this.#failures, failingMs))
      return false
    }
    await sleep(this.#host.runtime, retryBackoffMs(this.#host, this.#failures), this.#ending).catch(() => {})
    return !this.#ending.aborted
  }
}

function exhaustedError(error: KafkaError, attempts: number, elapsedMs: number): KafkaError {
  const message = `No transaction was committed for ${elapsedMs} ms (${attempts} attempts): ${error.message}`
  const cause = asKafkaError(error, 'A transaction')
  return cause.with({ message, cause, retriable: isTransient(error) })
}

import type { CallOptions } from '../../call-options.ts'
import { abortedError, KafkaError, type Outcome } from '../../errors.ts'
import { deferred } from '../../runtime/deferred.ts'
import { onAbort } from '../../runtime/wait.ts'

/** Begins the messages of errors. */
export const committing = 'Committing offsets'

export interface CommitOptions extends CallOptions {
  /**
   * While the group rebalances: 'wait' for the outcome (the default), or 'fail'. Calls that the rebalance itself waits for, such as
   * those before a join, must fail.
   */
  readonly rebalance?: 'wait' | 'fail' | undefined
}

export interface CallSetup {
  readonly nowMs: number
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly waitsForRebalance: boolean
  onSettled(call: CommitCall): void
}

/**
 * A call that waits for the commit of one or more partitions. It settles when each of them has an outcome, at its deadline, or when
 * its signal aborts, whatever the request in flight does. Deadline and signal count from the call.
 */
export class CommitCall {
  readonly deadlineMs: number
  readonly waitsForRebalance: boolean
  readonly #startedMs: number
  readonly #settlement = deferred<void>()
  readonly #onSettled: (call: CommitCall) => void
  #release: () => void = () => {}
  /** Partitions without an outcome. The call itself counts as one until `seal`. */
  #open = 1
  /** Partitions in a request that was written. */
  #written = 0
  #isUnknown = false
  #failure: KafkaError | undefined
  /** The last failure that is retried. */
  #lastError: KafkaError | undefined
  #isSettled = false

  constructor({ nowMs, timeoutMs, signal, waitsForRebalance, onSettled }: CallSetup) {
    this.#startedMs = nowMs
    this.deadlineMs = nowMs + timeoutMs
    this.waitsForRebalance = waitsForRebalance
    this.#onSettled = onSettled
    this.#release = onAbort(signal, () => {
      if (signal !== undefined) this.reject(abortedError(committing, signal, this.outcome))
    })
  }

  get promise(): Promise<void> {
    return this.#settlement.promise
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Whether the coordinator may have stored an offset of the call that has no outcome yet. */
  get outcome(): Outcome {
    return this.#written > 0 || this.#isUnknown ? 'unknown' : 'not-written'
  }

  /** The call waits for one more partition. */
  open(): void {
    this.#open++
  }

  /** All partitions of the call are open. */
  seal(): void {
    this.#closeOne()
  }

  succeeded(): void {
    this.#closeOne()
  }

  /** A partition failed for good. The call rejects when the others have their outcomes. */
  failed(error: KafkaError): void {
    this.#failure ??= error
    this.#closeOne()
  }

  /** A partition failed and is tried again. */
  note(error: KafkaError): void {
    this.#lastError = error
  }

  written(): void {
    this.#written++
  }

  /** The request with a partition of this call ended; `isUnknown`: without a response. */
  responded(isUnknown: boolean): void {
    this.#written--
    if (isUnknown) this.#isUnknown = true
  }

  expire(nowMs: number): void {
    if (nowMs >= this.deadlineMs) this.reject(this.#failure ?? this.#timedOut(nowMs))
  }

  reject(error: KafkaError): void {
    this.#settle(() => this.#settlement.reject(error))
  }

  #closeOne(): void {
    this.#open--
    if (this.#open > 0) return
    const failure = this.#failure
    this.#settle(() => (failure === undefined ? this.#settlement.resolve() : this.#settlement.reject(failure)))
  }

  #settle(act: () => void): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#release()
    act()
    this.#onSettled(this)
  }

  #timedOut(nowMs: number): KafkaError {
    const last = this.#lastError
    const why = last === undefined ? '' : `: ${last.message}`
    const message = `${committing} did not succeed within ${Math.round(nowMs - this.#startedMs)} ms${why}`
    return new KafkaError('TIMED_OUT', message, {
      retriable: true,
      outcome: this.outcome,
      broker: last?.broker,
      topic: last?.topic,
      partition: last?.partition,
      offset: last?.offset,
      hint: last?.hint,
      cause: last,
    })
  }
}

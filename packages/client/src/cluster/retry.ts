import type { Runtime } from '@ottla/runtime'
import { meaningOf } from '../error-meaning.ts'
import { abortedError, asKafkaError, closedError, KafkaError, type Outcome } from '../errors.ts'
import type { Counter } from '../metrics.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { scopeOf, sleep, withSignal } from '../runtime/wait.ts'

export interface RetryOptions {
  /** Begins the message of the error: 'Creating topics'. */
  readonly operation: string
  /** On `runtime.monoNow()`. */
  readonly deadlineMs?: number | undefined
  /** Used when there is no `deadlineMs`. Default `apiTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** An earlier deadline for one kind of failure; when it passes, that failure itself is the result. */
  readonly giveUpAtMs?: ((error: KafkaError) => number | undefined) | undefined
}

/** What the retrying of one client is done with. */
export interface RetryContext {
  readonly runtime: Runtime
  readonly closing: AbortSignal
  readonly apiTimeoutMs: number
  readonly backoff: { readonly firstMs: number; readonly maxMs: number }
  readonly retries: Counter
  /** Looks the metadata up before the next attempt. */
  refresh(reason: string, signal: AbortSignal): Promise<void>
}

type Attempt<T> = (attemptNo: number, signal: AbortSignal) => Promise<T>

/** Repeats an attempt while its failure is retriable, until the deadline. See `Cluster.retry`. */
export async function retry<T>(context: RetryContext, what: RetryOptions, attempt: Attempt<T>): Promise<T> {
  const { runtime, closing } = context
  const startedMs = runtime.monoNow()
  const deadlineMs = what.deadlineMs ?? startedMs + (what.timeoutMs ?? context.apiTimeoutMs)
  const scope = scopeOf(runtime, deadlineMs, [what.signal, closing])
  const failures = new Failures(what, startedMs)
  try {
    for (let attemptNo = 1; ; attemptNo++) {
      try {
        scope.signal.throwIfAborted()
        return await withSignal(attempt(attemptNo, scope.signal), scope.signal)
      } catch (thrown) {
        failures.note(thrown)
        if (what.signal?.aborted === true) throw abortedError(what.operation, what.signal, failures.outcome)
        if (closing.aborted) throw closedError('client', failures.outcome)
        if (scope.expired) throw failures.timedOut(runtime.monoNow())
        const error = asKafkaError(thrown, what.operation)
        if (!error.retriable) throw error
        await pause(context, scope.signal, { error, attemptNo, deadlineMs, what, failures })
      }
    }
  } finally {
    scope.release()
  }
}

interface Pause<T extends KafkaError> {
  readonly error: T
  readonly attemptNo: number
  readonly deadlineMs: number
  readonly what: RetryOptions
  readonly failures: Failures
}

/** Waits before the next attempt; throws when there will be none. An abort meanwhile is seen by the loop. */
async function pause(context: RetryContext, signal: AbortSignal, step: Pause<KafkaError>): Promise<void> {
  const { runtime, backoff, retries } = context
  const { error, attemptNo, deadlineMs, what, failures } = step
  const pauseMs = backoffMs(runtime, attemptNo, backoff)
  const nowMs = runtime.monoNow()
  const giveUpAtMs = what.giveUpAtMs?.(error)
  if (giveUpAtMs !== undefined && nowMs >= giveUpAtMs) throw error
  if (nowMs + pauseMs >= deadlineMs) throw failures.timedOut(nowMs)
  retries.add(1)
  try {
    const waitMs = giveUpAtMs === undefined ? pauseMs : Math.min(pauseMs, giveUpAtMs - nowMs)
    await sleep(runtime, waitMs, signal)
    if (error.refreshMetadata) await withSignal(context.refresh(`${what.operation}: ${error.code}`, signal), signal)
  } catch {
    // Aborted, or no metadata at the moment: the next attempt tells.
  }
}

/** What failed so far, for the error at the end. */
class Failures {
  readonly #what: RetryOptions
  readonly #startedMs: number
  #last: KafkaError | undefined
  #outcome: Outcome | undefined

  constructor(what: RetryOptions, startedMs: number) {
    this.#what = what
    this.#startedMs = startedMs
  }

  /** `unknown` as soon as one attempt may have taken effect. */
  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  note(error: unknown): void {
    if (!KafkaError.is(error)) return
    if (error.outcome !== undefined && this.#outcome !== 'unknown') this.#outcome = error.outcome
    // An abort by the deadline is no reason for the failure.
    if (meaningOf(error.code).ended !== 'aborted') this.#last = error
  }

  timedOut(nowMs: number): KafkaError {
    const last = this.#last
    const waitedMs = Math.round(nowMs - this.#startedMs)
    const why = last === undefined ? '' : `: ${last.message}`
    return new KafkaError('TIMED_OUT', `${this.#what.operation} did not succeed within ${waitedMs} ms${why}`, {
      retriable: true,
      outcome: this.#outcome,
      broker: last?.broker,
      topic: last?.topic,
      partition: last?.partition,
      hint: last?.hint,
      cause: last,
    })
  }
}

import type { Runtime } from '@ottla/runtime'
import { meaningOf } from '../error-meaning.ts'
import { abortedError, asKafkaError, closedError, KafkaError, type Outcome } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Counter } from '../metrics.ts'
import type { ResolvedOptions } from '../options.ts'
import { scopeOf, sleep, withSignal } from '../runtime/wait.ts'
import { retryBackoffMs, soonReadyBackoffMs } from './retry-backoff.ts'

export interface RetryOptions {
  /** Begins the message of the error: 'Creating topics'. */
  readonly operation: string
  /** On `runtime.monoNow()`; Infinity: only a signal ends it. */
  readonly deadlineMs?: number | undefined
  /** Used when there is no `deadlineMs`. Default `apiTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  /** The caller's: the call rejects with ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Of the consumer or producer that makes the call: the call rejects with CLOSED, as when the client closes. */
  readonly closing?: AbortSignal | undefined
  /** Whether another attempt may succeed. Default: `error.retriable`. */
  readonly isTransient?: ((error: KafkaError) => boolean) | undefined
  /** An earlier deadline for one kind of failure; when it passes, that failure itself is the result. */
  readonly giveUpAtMs?: ((error: KafkaError) => number | undefined) | undefined
  /** The request belongs to a transaction: the first pauses are short while the broker ends the last one. */
  readonly soonReady?: boolean | undefined
  /** Refreshes the metadata of these topics before every further attempt, not only where a failure shows that it is stale. */
  readonly topics?: (() => readonly string[]) | undefined
}

/** What the retries of one client share. */
export interface RetryContext {
  readonly runtime: Runtime
  readonly options: Pick<ResolvedOptions, 'apiTimeoutMs' | 'retryBackoffMs' | 'retryBackoffMaxMs'>
  readonly closing: AbortSignal
  readonly logger: Pick<Logger, 'debug'>
  readonly retries: Counter
  refresh(reason: string, topics: readonly string[], signal: AbortSignal): Promise<void>
}

type Attempt<T> = (attemptNo: number, signal: AbortSignal) => Promise<T>

/** Repeats an attempt while its failure is transient, until the deadline. See `Cluster.retry`. */
export async function retry<T>(context: RetryContext, what: RetryOptions, attempt: Attempt<T>): Promise<T> {
  const { runtime, options } = context
  const startedMs = runtime.monoNow()
  const deadlineMs = what.deadlineMs ?? startedMs + (what.timeoutMs ?? options.apiTimeoutMs)
  const scope = scopeOf(runtime, deadlineMs, [what.signal, what.closing, context.closing])
  const failures = new Failures(what, startedMs)
  try {
    for (let attemptNo = 1; ; attemptNo++) {
      let running: Promise<T> | undefined
      try {
        scope.signal.throwIfAborted()
        running = attempt(attemptNo, scope.signal)
        return await withSignal(running, scope.signal)
      } catch (thrown) {
        failures.note(thrown)
        if (running !== undefined && scope.signal.aborted) failures.note(await failureOf(running, runtime))
        const ended = endedBy(context, what, failures.outcome)
        if (ended !== undefined) throw ended
        if (scope.expired) throw failures.timedOut(runtime.monoNow())
        const error = asKafkaError(thrown, what.operation)
        if (!(what.isTransient?.(error) ?? error.retriable)) throw error
        await pause(context, scope.signal, { error, attemptNo, deadlineMs, what, failures })
      }
    }
  } finally {
    scope.release()
  }
}

/** The error where a signal ended the call. */
function endedBy({ closing }: RetryContext, what: RetryOptions, outcome: Outcome | undefined): KafkaError | undefined {
  if (what.signal?.aborted === true) return abortedError(what.operation, what.signal, outcome)
  if (closing.aborted) return closedError('client', outcome)
  if (what.closing?.aborted !== true) return undefined
  const { reason } = what.closing
  return KafkaError.is(reason) ? reason : closedError('client', outcome)
}

/**
 * The failure of an attempt that the deadline or a signal has just ended. It reports whether the request was written, but a few
 * promises later than the signal: the attempt has until the end of this turn of the event loop.
 */
function failureOf(running: Promise<unknown>, runtime: Runtime): Promise<unknown> {
  return new Promise((resolve) => {
    running.then(() => resolve(undefined), resolve)
    runtime.defer(() => resolve(undefined))
  })
}

interface Pause {
  readonly error: KafkaError
  readonly attemptNo: number
  readonly deadlineMs: number
  readonly what: RetryOptions
  readonly failures: Failures
}

/** Waits before the next attempt; throws when there is none. The loop handles an abort meanwhile. */
async function pause(context: RetryContext, signal: AbortSignal, step: Pause): Promise<void> {
  const { runtime, retries, logger } = context
  const { error, attemptNo, deadlineMs, what, failures } = step
  const pauseMs = what.soonReady ? soonReadyBackoffMs(context, attemptNo, error) : retryBackoffMs(context, attemptNo)
  const nowMs = runtime.monoNow()
  const giveUpAtMs = what.giveUpAtMs?.(error)
  if (giveUpAtMs !== undefined && nowMs >= giveUpAtMs) throw error
  if (nowMs + pauseMs >= deadlineMs) throw failures.timedOut(nowMs)
  retries.add(1)
  logger.debug('an attempt failed', { operation: what.operation, attempt: attemptNo, pauseMs, error: error.message })
  try {
    const waitMs = giveUpAtMs === undefined ? pauseMs : Math.min(pauseMs, giveUpAtMs - nowMs)
    await sleep(runtime, waitMs, signal)
    if (error.refreshMetadata || what.topics !== undefined) {
      const reason = `${what.operation}: ${error.code}`
      await withSignal(context.refresh(reason, what.topics?.() ?? [], signal), signal)
    }
  } catch {
    // Aborted, or no metadata at the moment: the next attempt reports it.
  }
}

/** The failures so far, for the error at the end. */
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
    // The abort is the effect of the deadline, not the reason of the failure.
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

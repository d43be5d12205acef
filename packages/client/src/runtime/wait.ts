import type { Runtime } from '@ottla/runtime'
import { meaningOf } from '../error-meaning.ts'
import { abortedError, KafkaError, type Outcome } from '../errors.ts'
import { deferred } from './deferred.ts'

type Clock = Pick<Runtime, 'monoNow' | 'setTimer' | 'clearTimer'>

/** The functions to call for each signal, which has one listener for all of them. */
const followers = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `follow` when the signal aborts, immediately if it has aborted already. Returns a function that cancels it. Each call needs
 * a function of its own. Any number of calls add only one listener to the signal: Node warns of more than ten.
 */
export function onAbort(signal: AbortSignal | undefined, follow: () => void): () => void {
  if (signal === undefined) return () => {}
  if (signal.aborted) {
    follow()
    return () => {}
  }
  let waiting = followers.get(signal)
  if (waiting === undefined) {
    waiting = new Set()
    followers.set(signal, waiting)
    signal.addEventListener('abort', followAll, { once: true })
  }
  waiting.add(follow)
  return cancellation(signal, waiting, follow)
}

function followAll(this: AbortSignal): void {
  const waiting = followers.get(this)
  followers.delete(this)
  for (const follow of waiting ?? []) {
    try {
      follow()
    } catch (error) {
      // An uncaught exception, as with listeners of the signal: it must not keep the other calls from ending.
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

function cancellation(signal: AbortSignal, waiting: Set<() => void>, follow: () => void): () => void {
  return () => {
    waiting.delete(follow)
    if (waiting.size > 0 || followers.get(signal) !== waiting) return
    followers.delete(signal)
    signal.removeEventListener('abort', followAll)
  }
}

/** Resolves after `delayMs`; rejects with the reason of the signal that aborts first. */
export function sleep(
  runtime: Clock,
  delayMs: number,
  ...signals: readonly (AbortSignal | undefined)[]
): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = signals.find((signal) => signal?.aborted === true)
    if (aborted !== undefined) {
      reject(aborted.reason)
      return
    }
    const timer = runtime.setTimer(() => {
      for (const release of releases) release()
      resolve()
    }, delayMs)
    const releases = signals.map((signal) =>
      onAbort(signal, () => {
        runtime.clearTimer(timer)
        for (const release of releases) release()
        reject(signal?.reason)
      }),
    )
  })
}

/**
 * A promise, or the rejection of a signal that aborts first. Unlike `Promise.race` with a promise made of the signal it
 * leaves nothing behind on a signal that outlives the promise.
 */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, () => reject(signal.reason))
    promise.then(
      (value) => {
        release()
        resolve(value)
      },
      (error: unknown) => {
        release()
        reject(error)
      },
    )
  })
}

/** Waits until a promise settles, at most for `timeoutMs`. False: it has not settled by then. Rejects if the promise does. */
export async function waitAtMost(runtime: Clock, timeoutMs: number, promise: Promise<unknown>): Promise<boolean> {
  const late = deferred<false>()
  const timer = runtime.setTimer(() => late.resolve(false), timeoutMs)
  try {
    return await Promise.race([promise.then(() => true), late.promise])
  } finally {
    runtime.clearTimer(timer)
  }
}

/** A signal with a deadline. Call `release` when the work is done: it clears the timer and the listeners. */
export interface Scope {
  readonly signal: AbortSignal
  /** The deadline passed before another signal aborted. */
  readonly expired: boolean
  release(): void
}

/** Aborts at `deadlineMs` (on `monoNow`) or with any of `signals`, whichever is first. Most callers need `within`. */
export function scopeOf(
  runtime: Clock,
  deadlineMs: number | undefined,
  signals: readonly (AbortSignal | undefined)[],
): Scope {
  const controller = new AbortController()
  const releases: (() => void)[] = []
  let expired = false
  const release = () => {
    for (const cancel of releases.splice(0)) cancel()
  }
  const end = (reason: unknown) => {
    release()
    if (!controller.signal.aborted) controller.abort(reason)
  }
  if (deadlineMs !== undefined && deadlineMs !== Number.POSITIVE_INFINITY) {
    const expire = () => {
      expired = true
      end(new Error('the deadline passed'))
    }
    const timer = runtime.setTimer(expire, deadlineMs - runtime.monoNow())
    releases.push(() => runtime.clearTimer(timer))
  }
  for (const signal of signals) releases.push(onAbort(signal, () => end(signal?.reason)))
  return {
    signal: controller.signal,
    get expired() {
      return expired
    },
    release,
  }
}

export interface Limits {
  /** Begins the message of the error: 'Waiting for the assignment'. */
  readonly operation: string
  /** From now. Default: none, only the signals end it. */
  readonly timeoutMs?: number | undefined
  readonly signals?: readonly (AbortSignal | undefined)[] | undefined
  /** Of the TIMED_OUT, for work that writes nothing. Default: none, it is not known here. */
  readonly outcome?: Outcome | undefined
  /** The error at the deadline, in place of a KafkaError TIMED_OUT. */
  readonly timedOut?: ((cause: unknown) => Error) | undefined
}

/**
 * Runs `work` for a limited time, and until one of the signals aborts. `work` must end when its own signal aborts: wrap promises
 * that do not in `withSignal`. Rejects with TIMED_OUT, with the signal's reason if that is a KafkaError, or with ABORTED.
 */
export async function within<T>(
  runtime: Clock,
  { operation, timeoutMs, signals = [], outcome, timedOut }: Limits,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadlineMs = timeoutMs === undefined ? undefined : runtime.monoNow() + timeoutMs
  const scope = scopeOf(runtime, deadlineMs, signals)
  try {
    return await work(scope.signal)
  } catch (error) {
    // The failure of the work says more than a deadline that passed at the same time.
    if (KafkaError.is(error) && meaningOf(error.code).ended !== 'aborted') throw error
    if (scope.expired) throw timedOut?.(error) ?? timedOutError(operation, timeoutMs, outcome)
    const aborted = signals.find((signal) => signal?.aborted === true)
    if (aborted === undefined || KafkaError.is(error)) throw error
    throw KafkaError.is(aborted.reason) ? aborted.reason : abortedError(operation, aborted)
  } finally {
    scope.release()
  }
}

function timedOutError(operation: string, timeoutMs: number | undefined, outcome: Outcome | undefined): KafkaError {
  return new KafkaError('TIMED_OUT', `${operation} took longer than ${timeoutMs} ms`, { retriable: true, outcome })
}

/** `wait` resolves at the next `wake`, or immediately if there was one since the last wait. */
export class WakeUp {
  #pending = false
  #waiting = deferred<void>()

  wake(): void {
    this.#pending = true
    this.#waiting.resolve()
  }

  async wait(signal?: AbortSignal): Promise<void> {
    if (!this.#pending) await withSignal(this.#waiting.promise, signal)
    this.#pending = false
    this.#waiting = deferred()
  }
}

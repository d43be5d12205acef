import { setMaxListeners } from 'node:events'
import type { Runtime } from '@ottla/runtime'
import { deferred } from './deferred.ts'

/** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
export function sleep(runtime: Runtime, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    const aborted = () => {
      runtime.clearTimer(timer)
      reject(signal!.reason)
    }
    const timer = runtime.setTimer(() => {
      signal?.removeEventListener('abort', aborted)
      resolve()
    }, delayMs)
    signal?.addEventListener('abort', aborted, { once: true })
  })
}

/**
 * A promise, or the rejection of a signal that aborts first. Unlike `Promise.race` with a promise made of the signal it
 * leaves nothing behind on a signal that lives long.
 */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason)
    if (signal.aborted) {
      promise.catch(() => {})
      aborted()
      return
    }
    signal.addEventListener('abort', aborted, { once: true })
    promise.then(
      (value) => {
        signal.removeEventListener('abort', aborted)
        resolve(value)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', aborted)
        reject(error)
      },
    )
  })
}

/** Many calls may wait for one signal at the same time: that is no leak, and Node shall not warn of one. */
export function unlimited(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal)
  return signal
}

/** A signal with a deadline. Call `release` when the work is done: it clears the timer and the listeners. */
export interface Scope {
  readonly signal: AbortSignal
  /** The deadline passed, and not another signal. */
  readonly expired: boolean
  release(): void
}

/** Aborts at `deadlineMs` (on monoNow) or with any of `signals`, whichever comes first. */
export function scopeOf(
  runtime: Runtime,
  deadlineMs: number | undefined,
  signals: readonly (AbortSignal | undefined)[],
): Scope {
  const controller = new AbortController()
  unlimited(controller.signal)
  const parents = signals.filter((signal) => signal !== undefined)
  let expired = false
  const release = () => {
    if (timer !== undefined) runtime.clearTimer(timer)
    for (const parent of parents) parent.removeEventListener('abort', follow)
  }
  const follow = () => {
    release()
    controller.abort(parents.find((parent) => parent.aborted)?.reason)
  }
  const expire = () => {
    expired = true
    release()
    controller.abort(new Error('the deadline passed'))
  }
  const timer = deadlineMs === undefined ? undefined : runtime.setTimer(expire, deadlineMs - runtime.monoNow())
  for (const parent of parents) {
    if (parent.aborted) {
      follow()
      break
    }
    unlimited(parent).addEventListener('abort', follow, { once: true })
  }
  return {
    signal: controller.signal,
    get expired() {
      return expired
    },
    release,
  }
}

/** Someone to be woken: `wait` resolves at the next `wake`, or at once when one came since the last wait. */
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

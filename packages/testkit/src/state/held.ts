import type { Runtime, Timer } from '@ottla/runtime'

export interface HeldOptions<T> {
  /** After this the answer is `onTimeout()`. Absent: it waits until it is completed or cancelled. */
  readonly timeoutMs?: number
  readonly onTimeout?: () => T
  /** Called once when it is completed, times out or is cancelled: the place to leave the indexes it waits in. */
  readonly onSettled?: () => void
}

/**
 * An answer that comes later: a long poll, a join, a wait for replication. The connection it belongs to is muted until
 * then. It is completed once; whatever comes after is ignored.
 */
export class Held<T> {
  readonly #runtime: Runtime
  readonly #onSettled: (() => void) | undefined
  #timer: Timer | undefined
  #settled = false
  #value: { readonly response: T } | undefined
  #receiver: ((response: T) => void) | undefined

  constructor(runtime: Runtime, options: HeldOptions<T> = {}) {
    this.#runtime = runtime
    this.#onSettled = options.onSettled
    const { timeoutMs, onTimeout } = options
    if (timeoutMs !== undefined && onTimeout !== undefined) {
      this.#timer = runtime.setTimer(() => this.complete(onTimeout()), timeoutMs)
    }
  }

  /** True when it was completed or cancelled. */
  get isSettled(): boolean {
    return this.#settled
  }

  /** Gives the answer; false when there was one already or nobody waits any more. */
  complete(response: T): boolean {
    if (!this.#settle()) return false
    const receiver = this.#receiver
    this.#receiver = undefined
    if (receiver === undefined) this.#value = { response }
    else receiver(response)
    return true
  }

  /** Nobody waits any more: the connection closed or the broker died. */
  cancel(): void {
    this.#receiver = undefined
    this.#settle()
  }

  /** Called once by whoever writes the answer. */
  deliverTo(receiver: (response: T) => void): void {
    if (this.#value !== undefined) receiver(this.#value.response)
    else if (!this.#settled) this.#receiver = receiver
  }

  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    if (this.#timer !== undefined) this.#runtime.clearTimer(this.#timer)
    this.#timer = undefined
    this.#onSettled?.()
    return true
  }
}

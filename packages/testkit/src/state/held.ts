import type { Runtime, Timer } from '@ottla/runtime'

export interface HeldOptions<T> {
  /** After this the response is `onTimeout()`. Absent: waits until completed or cancelled. */
  readonly timeoutMs?: number
  readonly onTimeout?: () => T
  /** Called once when it is completed, times out or is cancelled: for removing it from indexes. */
  readonly onSettled?: () => void
}

/**
 * A response that is sent later: of a long poll, a join, or a wait for replication. Its connection is muted until then. It is
 * completed once; later calls are ignored.
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

  /** Sets the response; false when it was completed or cancelled before. */
  complete(response: T): boolean {
    if (!this.#settle()) return false
    const receiver = this.#receiver
    this.#receiver = undefined
    if (receiver === undefined) this.#value = { response }
    else receiver(response)
    return true
  }

  /** The connection closed or the broker died: the response is not delivered. */
  cancel(): void {
    this.#receiver = undefined
    this.#settle()
  }

  /** Called once, by the writer of the response. */
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

import type { Runtime, Timer } from '@ottla/runtime'

/** Does what is due at `nowMs` and returns when the next thing is due; Infinity: nothing. All times are on `monoNow`. */
export type OnDue = (nowMs: number) => number

/**
 * One timer for many deadlines: it fires at the earliest of them, and what is due then is found by its owner. A deadline that
 * is no longer needed may stay: the timer then fires once without effect.
 */
export class DeadlineTimer {
  readonly #runtime: Pick<Runtime, 'monoNow' | 'setTimer' | 'clearTimer'>
  readonly #onDue: OnDue[]
  #timer: Timer | undefined
  #dueMs = Number.POSITIVE_INFINITY
  #stopped = false

  constructor(runtime: Pick<Runtime, 'monoNow' | 'setTimer' | 'clearTimer'>, ...onDue: OnDue[]) {
    this.#runtime = runtime
    this.#onDue = onDue
  }

  /** Another owner of deadlines that share this timer. */
  add(onDue: OnDue): void {
    this.#onDue.push(onDue)
  }

  /** Fires at `atMs`, or earlier for another deadline. */
  wakeBy(atMs: number): void {
    if (atMs >= this.#dueMs || this.#stopped) return
    if (this.#timer !== undefined) this.#runtime.clearTimer(this.#timer)
    this.#dueMs = atMs
    // Every Runtime waits for whole milliseconds, at least one: the timer never fires early, and a deadline in the past cannot make
    // it spin. How long ago that deadline was shows the Runtime that the event loop was blocked.
    this.#timer = this.#runtime.setTimer(() => this.#fire(), Math.ceil(atMs - this.#runtime.monoNow()))
  }

  /** The same, `delayMs` from now. */
  wakeIn(delayMs: number): void {
    this.wakeBy(this.#runtime.monoNow() + delayMs)
  }

  /** Whether a deadline is set. */
  get armed(): boolean {
    return this.#timer !== undefined
  }

  /** Forgets all deadlines; new ones may follow. */
  clear(): void {
    if (this.#timer !== undefined) this.#runtime.clearTimer(this.#timer)
    this.#timer = undefined
    this.#dueMs = Number.POSITIVE_INFINITY
  }

  /** Forgets all deadlines, and ignores those that follow. */
  stop(): void {
    this.#stopped = true
    this.clear()
  }

  #fire(): void {
    this.#timer = undefined
    this.#dueMs = Number.POSITIVE_INFINITY
    // The clock is read once: two readings could fall on either side of a deadline.
    const nowMs = this.#runtime.monoNow()
    for (const onDue of this.#onDue) this.wakeBy(onDue(nowMs))
  }
}

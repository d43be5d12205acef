import type { Runtime, Timer } from '@ottla/runtime'

/** Does what is due at `nowMs` and gives the time of the next thing to do; Infinity for none. On `monoNow`. */
export type Tick = (nowMs: number) => number

/** The one timer of a producer: linger, backoff and delivery timeouts share it. */
export class Alarm {
  readonly #runtime: Runtime
  readonly #ticks: Tick[] = []
  #timer: Timer | undefined
  #dueMs = Number.POSITIVE_INFINITY
  #stopped = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  add(tick: Tick): void {
    this.#ticks.push(tick)
  }

  /** The ticks run at `atMs` or before. */
  wakeBy(atMs: number): void {
    if (atMs >= this.#dueMs || this.#stopped) return
    if (this.#timer !== undefined) this.#runtime.clearTimer(this.#timer)
    this.#dueMs = atMs
    this.#timer = this.#runtime.setTimer(() => this.#run(), Math.max(0, Math.ceil(atMs - this.#runtime.monoNow())))
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== undefined) this.#runtime.clearTimer(this.#timer)
    this.#timer = undefined
  }

  #run(): void {
    this.#timer = undefined
    this.#dueMs = Number.POSITIVE_INFINITY
    const nowMs = this.#runtime.monoNow()
    for (const tick of this.#ticks) this.wakeBy(tick(nowMs))
  }
}

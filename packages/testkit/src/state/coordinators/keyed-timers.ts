import type { Runtime, Timer } from '@ottla/runtime'

/** Timers by key. Scheduling a key again replaces its timer. */
export class KeyedTimers {
  readonly #runtime: Pick<Runtime, 'setTimer' | 'clearTimer'>
  readonly #timers = new Map<string, Timer>()

  constructor(runtime: Pick<Runtime, 'setTimer' | 'clearTimer'>) {
    this.#runtime = runtime
  }

  schedule(key: string, delayMs: number, job: () => void): void {
    this.cancel(key)
    const timer = this.#runtime.setTimer(() => {
      this.#timers.delete(key)
      job()
    }, delayMs)
    this.#timers.set(key, timer)
  }

  cancel(key: string): void {
    const timer = this.#timers.get(key)
    if (timer === undefined) return
    this.#timers.delete(key)
    this.#runtime.clearTimer(timer)
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) this.#runtime.clearTimer(timer)
    this.#timers.clear()
  }

  has(key: string): boolean {
    return this.#timers.has(key)
  }
}

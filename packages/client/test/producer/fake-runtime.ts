import type { Runtime, Timer } from '@ottla/runtime'

interface FakeTimer {
  readonly atMs: number
  readonly order: number
  readonly callback: () => void
}

/** A clock that moves only when told, and turns that run when told. No network. */
export class FakeRuntime implements Runtime {
  nowMs = 1_000_000
  #order = 0
  #seed = 12345
  readonly #timers = new Map<Timer, FakeTimer>()
  #deferred: (() => void)[] = []

  get timers(): number {
    return this.#timers.size
  }

  wallNow = () => 1_700_000_000_000 + this.nowMs
  monoNow = () => this.nowMs
  tickNow = () => 1_700_000_000_000 + this.nowMs

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = {} as Timer
    this.#timers.set(timer, { atMs: this.nowMs + delayMs, order: this.#order++, callback })
    return timer
  }

  clearTimer(timer: Timer): void {
    this.#timers.delete(timer)
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback)
  }

  async work<T>(job: () => Promise<T> | T): Promise<T> {
    return job()
  }

  random(): number {
    this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) & 0x7fffffff
    return this.#seed / 0x80000000
  }

  secureRandom = (size: number) => new Uint8Array(size)

  lookup(): Promise<never> {
    return Promise.reject(new Error('no network'))
  }

  dial(): Promise<never> {
    return Promise.reject(new Error('no network'))
  }

  /** Runs turns of the event loop until nothing is left to do at this time. */
  async turns(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      for (let i = 0; i < 20; i++) await Promise.resolve()
      const deferred = this.#deferred
      this.#deferred = []
      idle = deferred.length === 0 ? idle + 1 : 0
      for (const callback of deferred) callback()
    }
  }

  /** Moves time on, firing what is due on the way, in order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms
    await this.turns()
    for (;;) {
      let next: [Timer, FakeTimer] | undefined
      for (const entry of this.#timers) {
        const [, { atMs, order }] = entry
        if (atMs > untilMs) continue
        if (next === undefined || atMs < next[1].atMs || (atMs === next[1].atMs && order < next[1].order)) next = entry
      }
      if (next === undefined) break
      this.#timers.delete(next[0])
      this.nowMs = Math.max(this.nowMs, next[1].atMs)
      next[1].callback()
      await this.turns()
    }
    this.nowMs = untilMs
  }
}

import type { Runtime, Timer } from '@ottla/runtime'

interface Due {
  readonly atMs: number
  readonly callback: () => void
}

/** A clock that moves only with `advance`; timers of one instant fire in the order they were set. */
export class FakeClock implements Pick<Runtime, 'wallNow' | 'setTimer' | 'clearTimer' | 'secureRandom'> {
  nowMs = 1_000_000
  readonly #timers = new Map<Timer, Due>()
  #draws = 0

  get timerCount(): number {
    return this.#timers.size
  }

  wallNow(): number {
    return this.nowMs
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = {} as Timer
    this.#timers.set(timer, { atMs: this.nowMs + delayMs, callback })
    return timer
  }

  clearTimer(timer: Timer): void {
    this.#timers.delete(timer)
  }

  /** Different bytes with each call, the same in each run. */
  secureRandom(size: number): Uint8Array {
    this.#draws++
    return new Uint8Array(size).map((_, i) => (this.#draws * 31 + i * 7) & 0xff)
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      let next: [Timer, Due] | undefined
      for (const entry of this.#timers) if (!next || entry[1].atMs < next[1].atMs) next = entry
      if (!next || next[1].atMs > endMs) break
      this.#timers.delete(next[0])
      this.nowMs = Math.max(this.nowMs, next[1].atMs)
      next[1].callback()
    }
    this.nowMs = endMs
  }
}

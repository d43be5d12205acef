import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Runtime, Timer } from './runtime.ts'

/** Beyond this Node's timers fire after 1 ms. */
const longestTimerMs = 2_147_483_647

/** A timer that fires at least this long after it was due shows that the event loop was blocked or the process stopped. */
const lateMs = 10

let tickMs = 0

/** Wall time read once per turn of the event loop: reading the clock costs 45 ns, and a turn handles many records. */
function tickNow(): number {
  if (tickMs === 0) {
    tickMs = Date.now()
    setImmediate(resetTick)
  }
  return tickMs
}

function resetTick(): void {
  tickMs = 0
}

/**
 * Node runs the timers that are due before it reads its sockets. After the event loop was blocked, a deadline would then pass
 * although the response has arrived. A late timer therefore waits for the next `setImmediate`, which follows the reading.
 */
class NodeTimer {
  readonly #callback: () => void
  readonly #dueMs: number
  readonly #timeout: NodeJS.Timeout
  #immediate: NodeJS.Immediate | undefined

  constructor(callback: () => void, delayMs: number) {
    this.#callback = callback
    // A delay below zero is one that has passed already: that timer is late from the start.
    this.#dueMs = performance.now() + Math.min(longestTimerMs, delayMs)
    // Rounded up, so that a timer never fires before the deadline it was set for.
    const wholeMs = Math.min(longestTimerMs, Math.max(1, Math.ceil(delayMs)))
    this.#timeout = setTimeout(fireTimer, wholeMs, this)
  }

  fire(): void {
    if (performance.now() - this.#dueMs < lateMs) this.#callback()
    else this.#immediate = setImmediate(this.#callback)
  }

  /** From now on it does not keep the process alive. */
  unref(): this {
    this.#timeout.unref()
    return this
  }

  clear(): void {
    clearTimeout(this.#timeout)
    clearImmediate(this.#immediate)
  }
}

function fireTimer(timer: NodeTimer): void {
  timer.fire()
}

/** Node's part of a Runtime that needs no network: system clock, timers, background work, OpenSSL's random bytes. */
export const nodeClock: Omit<Runtime, 'lookup' | 'dial'> = Object.freeze({
  wallNow: () => Date.now(),
  monoNow: () => performance.now(),
  tickNow,
  setTimer: (callback: () => void, delayMs: number) => new NodeTimer(callback, delayMs) as unknown as Timer,
  clearTimer: (timer: Timer) => (timer as unknown as NodeTimer).clear(),
  defer: (callback: () => void) => {
    setImmediate(callback)
  },
  work: async <T>(job: () => Promise<T> | T) => job(),
  random: () => Math.random(),
  secureRandom: (size: number) => randomBytes(size),
})

/** The same clock for background work: its timers do not keep the process alive. */
export const nodeBackgroundClock: typeof nodeClock = Object.freeze({
  ...nodeClock,
  setTimer: (callback: () => void, delayMs: number) => new NodeTimer(callback, delayMs).unref() as unknown as Timer,
})

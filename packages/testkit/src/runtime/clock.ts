import type { Runtime, Timer } from '@ottla/runtime'

/** Milliseconds, or a number with its unit: '250ms', '45s', '10m', '2h', '7d'. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const unitMs = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

/** The duration in ms. Throws TypeError unless it is a duration of zero or more. */
export function durationMs(duration: Duration, what = 'The duration'): number {
  if (typeof duration === 'number' && Number.isFinite(duration) && duration >= 0) return duration
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration)) ?? []
  const factor = unitMs.get(unit)
  if (factor !== undefined && typeof duration === 'string') return Number(amount) * factor
  throw new TypeError(
    `${what}: ${JSON.stringify(duration)} is not a duration. Use milliseconds or a text like '500ms', '45s', '10m', '2h'.`,
  )
}

/** The time of a cluster and of the clients that use its runtime. */
export interface Clock {
  readonly runtime: Runtime
  /** How far the cluster's time is ahead of the machine's; with virtual time, how much time has passed. */
  readonly shiftMs: number
  /** How far the wall clock is ahead of the machine's; with virtual time, ahead of its start. */
  readonly wallShiftMs: number
  /** Pending timers of brokers and of clients with the cluster's runtime. */
  readonly timerCount: number
  /** Wall time of the cluster, in ms since the epoch. */
  now(): number
  /** Lets time pass and runs everything that becomes due. */
  advance(duration: Duration): Promise<void>
  /**
   * Sets the wall clock of all brokers and clients forward or (negative) back, as an administrator or NTP does. No timer
   * fires, because deadlines use the monotonic clock.
   */
  jump(ms: number): void
}

interface Due {
  readonly atMs: number
  readonly order: number
  readonly callback: () => void
  /** The runtime that has the timer. */
  readonly host: Runtime
  timer: Timer
}

/** The most turns that a step of `advance` waits for, so that endless work does not block it. */
const maxTurns = 1_000

/**
 * The cluster's time: the host's plus the time added with `advance`. Brokers use it, and clients with the cluster's runtime.
 * Timers are the host's; timers that an advance makes due fire during it.
 */
export class ClusterClock implements Clock {
  readonly runtime: Runtime
  /** The same time for brokers; its timers are those of `background`. */
  readonly brokers: Runtime
  readonly #host: Runtime
  readonly #timers = new Set<Due>()
  #shiftMs = 0
  /** The sum of all jumps of the wall clock. */
  #wallMs = 0
  #order = 0
  /** Deferred callbacks and work that have not finished yet. */
  #busy = 0
  #advancing: Promise<void> = Promise.resolve()

  /** `background`: the host's clock with timers for the work of the cluster alone. */
  constructor(host: Runtime, background: Runtime = host) {
    this.#host = host
    this.runtime = this.#runtimeOn(host)
    this.brokers = this.#runtimeOn(background)
  }

  #runtimeOn(host: Runtime): Runtime {
    return Object.freeze({
      wallNow: () => host.wallNow() + this.#shiftMs + this.#wallMs,
      monoNow: () => host.monoNow() + this.#shiftMs,
      tickNow: () => host.tickNow() + this.#shiftMs + this.#wallMs,
      setTimer: (callback: () => void, delayMs: number) => this.#setTimer(host, callback, delayMs),
      clearTimer: (timer: Timer) => this.#clearTimer(timer as unknown as Due),
      defer: (callback: () => void) => this.#defer(callback),
      work: <T>(job: () => Promise<T> | T) => this.#work(job),
      random: () => host.random(),
      secureRandom: (size: number) => host.secureRandom(size),
      lookup: (name: string) => host.lookup(name),
      dial: host.dial.bind(host),
    })
  }

  now(): number {
    return this.runtime.wallNow()
  }

  get shiftMs(): number {
    return this.#shiftMs
  }

  get wallShiftMs(): number {
    return this.#shiftMs + this.#wallMs
  }

  get timerCount(): number {
    return this.#timers.size
  }

  /**
   * Advances the time and fires due timers in order, each at its own time. After each instant everything that it caused within
   * the process runs first: a client's heartbeat reaches its broker before the next timer fires. Real time continues as well.
   * Concurrent calls run one after the other.
   */
  advance(duration: Duration): Promise<void> {
    const ms = durationMs(duration, 'clock.advance')
    const advanced = this.#advancing.then(() => this.#advance(ms))
    this.#advancing = advanced.catch(() => {})
    return advanced
  }

  jump(ms: number): void {
    this.#wallMs += ms
  }

  async #advance(ms: number): Promise<void> {
    await this.#settle()
    const untilMs = this.runtime.monoNow() + ms
    for (;;) {
      const next = this.#next()
      if (next === undefined || next.atMs > untilMs) break
      this.#jumpTo(next.atMs)
      this.#fire(next)
      await this.#settle()
    }
    this.#jumpTo(untilMs)
  }

  #next(): Due | undefined {
    let next: Due | undefined
    for (const due of this.#timers) {
      if (next === undefined || due.atMs < next.atMs || (due.atMs === next.atMs && due.order < next.order)) next = due
    }
    return next
  }

  #jumpTo(atMs: number): void {
    // In whole ms, so that wall time is an integer.
    this.#shiftMs += Math.max(0, Math.ceil(atMs - this.runtime.monoNow()))
  }

  #fire(due: Due): void {
    if (!this.#timers.delete(due)) return
    due.host.clearTimer(due.timer)
    due.callback()
  }

  /** Waits until everything caused by an event has run. */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < maxTurns; turn++) {
      await new Promise<void>((resolve) => this.#host.defer(resolve))
      if (this.#busy === 0) return
    }
  }

  #setTimer(host: Runtime, callback: () => void, delayMs: number): Timer {
    const atMs = this.runtime.monoNow() + Math.max(0, delayMs)
    const due = { atMs, order: this.#order++, callback, host } as Due
    due.timer = host.setTimer(() => this.#fire(due), delayMs)
    this.#timers.add(due)
    return due as unknown as Timer
  }

  #clearTimer(due: Due): void {
    if (this.#timers.delete(due)) due.host.clearTimer(due.timer)
  }

  #defer(callback: () => void): void {
    this.#busy++
    this.#host.defer(() => {
      this.#busy--
      callback()
    })
  }

  async #work<T>(job: () => Promise<T> | T): Promise<T> {
    this.#busy++
    try {
      return await this.#host.work(job)
    } finally {
      this.#busy--
    }
  }
}

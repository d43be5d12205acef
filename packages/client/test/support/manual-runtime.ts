import type { DialTarget, Runtime, Timer, Transport, TransportReader } from '@ottla/runtime'
import { ScriptedNetwork } from './scripted-network.ts'

interface PendingTimer {
  readonly atMs: number
  readonly order: number
  readonly callback: () => void
}

/** A multiplicative generator modulo a prime: the same numbers for a seed on every machine. */
const modulus = 0x7fffffff
const multiplier = 48_271

/**
 * A Runtime whose time moves only by `advance` and whose randomness follows from a seed. Deferred callbacks and the bytes of
 * its network do not need time: they arrive by themselves in the next turn of the event loop, or during `settle`.
 */
export class ManualRuntime implements Runtime {
  readonly network = new ScriptedNetwork(this)
  /** Addresses of host names, or the error of the look-up. A name that is missing here is its own address. */
  readonly names = new Map<string, readonly string[] | Error>()
  lookups = 0
  readonly #timers = new Set<PendingTimer>()
  readonly #deferred: (() => void)[] = []
  #nowMs = 1_000
  #order = 0
  /** Jobs of `work` that are still running, on whichever thread. */
  #running = 0
  #random: number

  constructor(seed = 1) {
    this.#random = 1 + (Math.imul(seed, 0x9e3779b1) >>> 2)
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  wallNow(): number {
    return 1_700_000_000_000 + Math.floor(this.#nowMs)
  }

  monoNow(): number {
    return this.#nowMs
  }

  tickNow(): number {
    return this.wallNow()
  }

  /** Rounds up to whole milliseconds, at least one, as Node does. */
  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { atMs: this.#nowMs + Math.max(1, Math.ceil(delayMs)), order: this.#order++, callback }
    this.#timers.add(timer)
    return timer as unknown as Timer
  }

  clearTimer(timer: Timer): void {
    this.#timers.delete(timer as unknown as PendingTimer)
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback)
    setImmediate(() => this.#runOne())
  }

  async work<T>(job: () => Promise<T> | T): Promise<T> {
    this.#running++
    try {
      return await job()
    } finally {
      this.#running--
    }
  }

  random(): number {
    this.#random = (this.#random * multiplier) % modulus
    return (this.#random - 1) / (modulus - 1)
  }

  secureRandom(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => Math.floor(this.random() * 256))
  }

  async lookup(host: string): Promise<readonly string[]> {
    this.lookups++
    const found = this.names.get(host) ?? [host]
    if (found instanceof Error) throw found
    return found
  }

  dial(target: DialTarget, reader: TransportReader, signal: AbortSignal): Promise<Transport> {
    return this.network.dial(target, reader, signal)
  }

  /** Runs everything that needs no time: promises, deferred callbacks, bytes without latency, work on other threads. */
  async settle(): Promise<void> {
    for (;;) {
      await microtasksDone()
      if (this.#runOne()) continue
      if (this.#running > 0) await new Promise<void>((resolve) => setImmediate(resolve))
      else return
    }
  }

  /** Lets time pass and fires the timers that become due, in order; everything that a timer causes settles before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await this.settle()
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.callback()
      await this.settle()
    }
    this.#nowMs = untilMs
    await this.settle()
  }

  /** The clock moves and no timer fires, as when the event loop was blocked for that long. */
  stall(ms: number): void {
    this.#nowMs += ms
  }

  /** Each deferred callback has a turn of its own, as with setImmediate; false: there is none. */
  #runOne(): boolean {
    const callback = this.#deferred.shift()
    callback?.()
    return callback !== undefined
  }

  #next(untilMs: number): PendingTimer | undefined {
    let first: PendingTimer | undefined
    for (const timer of this.#timers) {
      if (timer.atMs > untilMs) continue
      if (first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) {
        first = timer
      }
    }
    return first
  }
}

/** Node runs its ticks when no microtask is left, those included that microtasks queue. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)))
}

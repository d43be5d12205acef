import type { DialTarget, Runtime, Timer, Transport, TransportSink } from '@ottla/runtime'
import type { FakeNetwork } from './fake-network.ts'

interface FakeTimer {
  readonly atMs: number
  readonly order: number
  readonly callback: () => void
}

/** Lets everything run that is ready to: promises, and what was deferred. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** A Runtime whose time moves only by `advance`, with a network of its own. */
export class FakeRuntime implements Runtime {
  readonly network: FakeNetwork
  readonly timers = new Set<FakeTimer>()
  /** Names and their addresses; others are their own address. */
  readonly names = new Map<string, readonly string[] | Error>()
  lookups = 0
  #nowMs = 1_000
  #order = 0
  #random = 0.5

  constructor(network: FakeNetwork) {
    this.network = network
  }

  wallNow(): number {
    return 1_700_000_000_000 + this.#nowMs
  }

  monoNow(): number {
    return this.#nowMs
  }

  tickNow(): number {
    return this.wallNow()
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { atMs: this.#nowMs + Math.max(1, delayMs), order: this.#order++, callback }
    this.timers.add(timer)
    return timer as unknown as Timer
  }

  clearTimer(timer: Timer): void {
    this.timers.delete(timer as unknown as FakeTimer)
  }

  defer(callback: () => void): void {
    setImmediate(callback)
  }

  async work<T>(job: () => Promise<T> | T): Promise<T> {
    return job()
  }

  random(): number {
    this.#random = (this.#random * 9301 + 0.49297) % 1
    return this.#random
  }

  secureRandom(size: number): Uint8Array {
    return Buffer.alloc(size, 7)
  }

  async lookup(host: string): Promise<readonly string[]> {
    this.lookups++
    const found = this.names.get(host) ?? [host]
    if (found instanceof Error) throw found
    return found
  }

  dial(target: DialTarget, sink: TransportSink, signal: AbortSignal): Promise<Transport> {
    return this.network.dial(target, sink, signal)
  }

  /** Moves time on and fires the timers that come due, in their order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settle()
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.callback()
      await settle()
    }
    this.#nowMs = untilMs
    await settle()
  }

  #next(untilMs: number): FakeTimer | undefined {
    let first: FakeTimer | undefined
    for (const timer of this.timers) {
      if (timer.atMs > untilMs) continue
      if (first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) {
        first = timer
      }
    }
    return first
  }
}

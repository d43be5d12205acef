import type { Runtime } from '@ottla/runtime'
import { backoffMs } from '../runtime/backoff.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'

export interface HeartbeatOptions {
  readonly intervalMs: number
  readonly sessionTimeoutMs: number
  readonly requestTimeoutMs: number
  /** One heartbeat. Resolves when the coordinator took it as a sign of life; rejects when nothing is known. */
  readonly beat: (timeoutMs: number, signal: AbortSignal) => Promise<void>
  /** The coordinator has not heard of this member for a whole session: it must take the member for dead. */
  readonly onExpired: () => void
  /** Each beat that failed; the next one follows all the same. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Signs of life on a clock of their own, whatever the application does meanwhile. Nothing but `stop` ends it: each failure
 * leads to the next attempt, sooner than the interval.
 */
export class Heartbeat {
  readonly #runtime: Runtime
  readonly #options: HeartbeatOptions
  readonly #timer: DeadlineTimer
  #flight: AbortController | undefined
  #running = false
  #failures = 0
  #heardMs = 0

  constructor(runtime: Runtime, options: HeartbeatOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#timer = new DeadlineTimer(runtime, () => {
      void this.#beat()
      return Number.POSITIVE_INFINITY
    })
  }

  get running(): boolean {
    return this.#running
  }

  /** Counts from here: the coordinator has just answered something else. */
  start(): void {
    this.#heardMs = this.#runtime.monoNow()
    this.#failures = 0
    if (this.#running) return
    this.#running = true
    this.#timer.wakeIn(this.#options.intervalMs)
  }

  stop(): void {
    this.#running = false
    this.#timer.clear()
    this.#flight?.abort(new Error('heartbeats stopped'))
    this.#flight = undefined
  }

  /** Whether the session still holds; says so to `onExpired` if it does not. For after the event loop may have stood still. */
  check(): boolean {
    if (!this.#running) return true
    if (this.#runtime.monoNow() - this.#heardMs <= this.#options.sessionTimeoutMs) return true
    this.stop()
    this.#options.onExpired()
    return false
  }

  async #beat(): Promise<void> {
    if (!this.check()) return
    const { intervalMs, sessionTimeoutMs, requestTimeoutMs } = this.#options
    const sentMs = this.#runtime.monoNow()
    const flight = new AbortController()
    this.#flight = flight
    const leftMs = this.#heardMs + sessionTimeoutMs - sentMs
    try {
      await this.#options.beat(Math.max(1, Math.min(requestTimeoutMs, leftMs)), flight.signal)
      this.#heardMs = Math.max(this.#heardMs, sentMs)
      this.#failures = 0
    } catch (error) {
      if (this.#flight !== flight) return
      this.#failures++
      this.#options.onFailure(error)
    }
    if (this.#flight !== flight) return
    this.#flight = undefined
    if (!this.#running) return
    const pauseMs = this.#failures === 0 ? intervalMs : this.#retryPauseMs()
    this.#timer.wakeIn(Math.min(pauseMs, Math.max(1, this.#heardMs + sessionTimeoutMs - this.#runtime.monoNow() + 1)))
  }

  #retryPauseMs(): number {
    const { intervalMs } = this.#options
    return backoffMs(this.#runtime, this.#failures, { firstMs: Math.min(100, intervalMs), maxMs: intervalMs })
  }
}

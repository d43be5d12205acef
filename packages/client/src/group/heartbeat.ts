import type { Runtime } from '@ottla/runtime'
import { backoffMs } from '../runtime/backoff.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'

export interface HeartbeatOptions {
  readonly intervalMs: number
  readonly sessionTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Sends one heartbeat. Resolves when the coordinator responded as to a member, rejects when that is not certain. */
  readonly beat: (timeoutMs: number, signal: AbortSignal) => Promise<void>
  /** No heartbeat had a response for a whole session: the coordinator has to assume that the member is dead. */
  readonly onExpired: () => void
  /** Called for each heartbeat that failed; the next one is sent nevertheless. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Sends heartbeats at an interval, independent of what the application does, until `stop`. After a failure the next heartbeat
 * follows sooner than the interval.
 */
export class Heartbeat {
  readonly #runtime: Runtime
  readonly #options: HeartbeatOptions
  readonly #timer: DeadlineTimer
  #flight: AbortController | undefined
  #running = false
  #failures = 0
  #acceptedMs = 0

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

  /** The session starts now: the coordinator has just responded to another request of this member. */
  start(): void {
    this.renew()
    this.#failures = 0
    if (this.#running) return
    this.#running = true
    this.#timer.wakeIn(this.#options.intervalMs)
  }

  /** Another response of the coordinator has just confirmed the member. */
  renew(): void {
    this.#acceptedMs = this.#runtime.monoNow()
  }

  stop(): void {
    this.#running = false
    this.#timer.clear()
    this.#flight?.abort(new Error('heartbeats stopped'))
    this.#flight = undefined
  }

  /**
   * Whether the session is still valid; calls `onExpired` if it is not. Costs one reading of the clock: for use before each delivery,
   * because the event loop may have been blocked.
   */
  check(): boolean {
    if (!this.#running) return true
    if (this.#runtime.monoNow() - this.#acceptedMs <= this.#options.sessionTimeoutMs) return true
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
    const leftMs = this.#acceptedMs + sessionTimeoutMs - sentMs
    try {
      await this.#options.beat(Math.max(1, Math.min(requestTimeoutMs, leftMs)), flight.signal)
      this.#acceptedMs = Math.max(this.#acceptedMs, sentMs)
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
    this.#timer.wakeIn(
      Math.min(pauseMs, Math.max(1, this.#acceptedMs + sessionTimeoutMs - this.#runtime.monoNow() + 1)),
    )
  }

  #retryPauseMs(): number {
    const { intervalMs } = this.#options
    return backoffMs(this.#runtime, this.#failures, { firstMs: Math.min(100, intervalMs), maxMs: intervalMs })
  }
}

import type { Runtime } from '@ottla/runtime'
import { type BackoffOptions, backoffMs } from '../runtime/backoff.ts'

/** When to connect to a broker again. Its connections share it, so that they do not each try a broker that is down. */
export class ReconnectBackoff {
  readonly #runtime: Runtime
  readonly #limits: BackoffOptions
  #failures = 0
  #nextAtMs = 0

  constructor(runtime: Runtime, limits: BackoffOptions) {
    this.#runtime = runtime
    this.#limits = limits
  }

  get failures(): number {
    return this.#failures
  }

  /** Earliest time of the next attempt, on `monoNow`; 0: now. */
  get nextAtMs(): number {
    return this.#nextAtMs
  }

  /** The remaining pause before the next attempt. */
  remainingMs(): number {
    return this.#nextAtMs === 0 ? 0 : Math.max(0, this.#nextAtMs - this.#runtime.monoNow())
  }

  /** Returns the pause before the next attempt. */
  failed(): number {
    this.#failures++
    const pauseMs = backoffMs(this.#runtime, this.#failures, this.#limits)
    this.#nextAtMs = this.#runtime.monoNow() + pauseMs
    return pauseMs
  }

  succeeded(): void {
    this.#failures = 0
    this.#nextAtMs = 0
  }
}

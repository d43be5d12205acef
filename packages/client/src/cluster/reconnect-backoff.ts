import type { Runtime } from '@ottla/runtime'
import { backoffMs } from '../runtime/backoff.ts'

/** When a broker may be connected to again; shared by its lanes, so that a dead broker is not tried by each of them. */
export class ReconnectBackoff {
  readonly #runtime: Runtime
  readonly #firstMs: number
  readonly #maxMs: number
  #failures = 0
  #nextAtMs = 0

  constructor(runtime: Runtime, firstMs: number, maxMs: number) {
    this.#runtime = runtime
    this.#firstMs = firstMs
    this.#maxMs = maxMs
  }

  get failures(): number {
    return this.#failures
  }

  /** When the next attempt may begin, on monoNow; 0: now. */
  get nextAtMs(): number {
    return this.#nextAtMs
  }

  /** How long to wait before the next attempt. */
  remainingMs(): number {
    return this.#nextAtMs === 0 ? 0 : Math.max(0, this.#nextAtMs - this.#runtime.monoNow())
  }

  /** Gives the pause before the next attempt. */
  failed(): number {
    this.#failures++
    const pauseMs = backoffMs(this.#runtime, this.#failures, { firstMs: this.#firstMs, maxMs: this.#maxMs })
    this.#nextAtMs = this.#runtime.monoNow() + pauseMs
    return pauseMs
  }

  succeeded(): void {
    this.#failures = 0
    this.#nextAtMs = 0
  }
}

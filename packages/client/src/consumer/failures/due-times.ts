import type { Runtime } from '@ottla/runtime'
import type { Message } from '../message.ts'

/** Records that wait longer than their header can be believed: the oldest are forgotten, and would wait once more. */
const mostRemembered = 10_000

/**
 * When the records of a retry topic are due. A header is never believed beyond the topic's own delay: the wait for a record, counted
 * from when this consumer first sees it, is at most `delayMs`, wherever the wall clock jumps.
 */
export class DueTimes {
  readonly #runtime: Runtime
  readonly #delayMs: number
  /** By partition and offset: when the record is due at the latest, on `monoNow`. */
  readonly #latest = new Map<string, number>()

  constructor(runtime: Runtime, delayMs: number) {
    this.#runtime = runtime
    this.#delayMs = delayMs
  }

  /** How long the record has to wait from now on; 0: it is due. Without `dueMs` it waits from its timestamp on. */
  pauseOf(
    { partition, offset, timestamp }: Pick<Message, 'partition' | 'offset' | 'timestamp'>,
    dueMs?: number,
  ): number {
    const place = `${partition}/${offset}`
    const statedMs = (dueMs ?? timestamp + this.#delayMs) - this.#runtime.wallNow()
    if (statedMs <= 0) {
      this.#latest.delete(place)
      return 0
    }
    const nowMs = this.#runtime.monoNow()
    // Kept when it is due: it must not wait again if its handler is retried.
    const latestMs = this.#latest.get(place) ?? this.#remember(place, nowMs + this.#delayMs)
    return Math.max(0, Math.min(statedMs, latestMs - nowMs))
  }

  #remember(place: string, latestMs: number): number {
    if (this.#latest.size >= mostRemembered) {
      const [oldest] = this.#latest.keys()
      if (oldest !== undefined) this.#latest.delete(oldest)
    }
    this.#latest.set(place, latestMs)
    return latestMs
  }
}

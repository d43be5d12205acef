/**
 * How many records may be acquired, for all brokers together. Brokers that found no room are served in their order, so that one of
 * them cannot take every place that becomes free.
 */
export class Room {
  readonly #limit: () => number
  readonly #held: () => number
  #reserved = 0
  readonly #waiting = new Set<number>()

  /** `held`: the records that are acquired and not acknowledged. */
  constructor(limit: () => number, held: () => number) {
    this.#limit = limit
    this.#held = held
  }

  /** `sharers`: how many brokers, this one included, may ask now. */
  take(brokerId: number, sharers: number): number {
    const free = this.#limit() - this.#held() - this.#reserved
    let before = 0
    for (const other of this.#waiting) {
      if (other === brokerId) break
      before++
    }
    if (free - before <= 0) {
      this.#waiting.add(brokerId)
      return 0
    }
    this.#waiting.delete(brokerId)
    const count = Math.min(free - before, Math.ceil(free / Math.max(1, sharers)))
    this.#reserved += count
    return count
  }

  giveBack(count: number): void {
    this.#reserved -= count
  }

  /** The broker does not ask for now, and keeps no place free. Returns whether it waited for one. */
  leave(brokerId: number): boolean {
    return this.#waiting.delete(brokerId)
  }
}

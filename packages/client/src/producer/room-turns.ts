/**
 * Calls of `room()` that have resolved and were not followed by an `enqueue` into a full buffer yet. An `enqueue` that finds space
 * uses none, since it may be that of another caller; so unused turns end, between one and two life times after their grant.
 */
export class RoomTurns {
  readonly #lifeMs: number
  #recent = 0
  #older = 0
  #nextMs = 0

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs
  }

  grant(nowMs: number): void {
    this.#age(nowMs)
    this.#recent++
  }

  /** Uses a turn; false: there is none. */
  take(nowMs: number): boolean {
    this.#age(nowMs)
    if (this.#older > 0) this.#older--
    else if (this.#recent > 0) this.#recent--
    else return false
    return true
  }

  #age(nowMs: number): void {
    if (nowMs < this.#nextMs) return
    this.#older = nowMs < this.#nextMs + this.#lifeMs ? this.#recent : 0
    this.#recent = 0
    this.#nextMs = nowMs + this.#lifeMs
  }
}

/** At most so many brokers are controllers too, as in a cluster that is started by hand. */
const maxVoters = 3

/** Where a node was when it was heard of last. */
export interface LastSeen {
  readonly atMs: number
  /** The end of its metadata log. */
  readonly offset: number
}

/** Who keeps the metadata log: the first brokers are controllers too, and one of them leads. */
export class Quorum {
  readonly #up = new Set<number>()
  readonly #lost = new Map<number, LastSeen>()
  readonly #removed = new Set<number>()
  #leaderId = -1
  #epoch = 0

  /** The leader at this moment; -1 before there is one. A majority is not asked for: the decisions go on. */
  get leaderId(): number {
    return this.#leaderId
  }

  /** +1 with each leader. */
  get epoch(): number {
    return this.#epoch
  }

  isVoter(id: number): boolean {
    return id <= maxVoters && !this.#removed.has(id)
  }

  /** Of a node that is gone. */
  lastSeen(id: number): LastSeen | undefined {
    return this.#lost.get(id)
  }

  found(id: number): void {
    this.#lost.delete(id)
    if (!this.isVoter(id)) return
    this.#up.add(id)
    if (!this.#up.has(this.#leaderId)) this.#lead(id)
  }

  lost(id: number, seen: LastSeen): void {
    this.#lost.set(id, seen)
    this.#leave(id)
  }

  /** It votes no more, and follows only. False: it did not vote. */
  removeVoter(id: number): boolean {
    if (!this.isVoter(id) || id <= 0) return false
    this.#removed.add(id)
    this.#leave(id)
    return true
  }

  /** Who was removed votes again. */
  reset(): void {
    this.#removed.clear()
  }

  #leave(id: number): void {
    this.#up.delete(id)
    const next = Math.min(...this.#up)
    if (id === this.#leaderId && Number.isFinite(next)) this.#lead(next)
  }

  #lead(id: number): void {
    this.#leaderId = id
    this.#epoch += 1
  }
}

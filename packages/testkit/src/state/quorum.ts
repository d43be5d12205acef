/** At most this many brokers are also controllers, as in a typical small cluster. */
const maxVoters = 3

/** The last known state of a node that is down. */
export interface LastSeen {
  readonly atMs: number
  /** The end of its metadata log. */
  readonly offset: number
}

/** The voters of the metadata quorum: the first brokers are also controllers, and one of them is the leader. */
export class Quorum {
  readonly #up = new Set<number>()
  readonly #lost = new Map<number, LastSeen>()
  readonly #removed = new Set<number>()
  #leaderId = -1
  #epoch = 0

  /** The current leader; -1 before the first one. Decisions continue even without a majority of voters. */
  get leaderId(): number {
    return this.#leaderId
  }

  /** +1 with each new leader. */
  get epoch(): number {
    return this.#epoch
  }

  isVoter(id: number): boolean {
    return id <= maxVoters && !this.#removed.has(id)
  }

  /** The last known state of a node that is down. */
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

  /** Makes a voter an observer. False: it was no voter. */
  removeVoter(id: number): boolean {
    if (!this.isVoter(id) || id <= 0) return false
    this.#removed.add(id)
    this.#leave(id)
    return true
  }

  /** Makes removed voters voters again. */
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

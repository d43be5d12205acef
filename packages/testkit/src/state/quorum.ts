/** At most so many brokers are controllers too, as in a cluster that is started by hand. */
const maxVoters = 3

/** Who keeps the metadata log: the first brokers are controllers too, and one of them leads. */
export class Quorum {
  readonly #up = new Set<number>()
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
    return id <= maxVoters
  }

  found(id: number): void {
    if (!this.isVoter(id)) return
    this.#up.add(id)
    if (!this.#up.has(this.#leaderId)) this.#lead(id)
  }

  lost(id: number): void {
    this.#up.delete(id)
    const next = Math.min(...this.#up)
    if (id === this.#leaderId && Number.isFinite(next)) this.#lead(next)
  }

  #lead(id: number): void {
    this.#leaderId = id
    this.#epoch += 1
  }
}

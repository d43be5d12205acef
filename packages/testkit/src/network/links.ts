/** A node of the network: a broker by id, the controller, or all clients. */
export type NetworkNode = number | 'controller' | 'clients'

/** Which nodes receive what others send. Each direction is cut separately. */
export class Links {
  readonly #cuts = new Map<string, number>()
  readonly #onHealed: () => void
  /** +1 with each `healAll`. */
  #generation = 0

  /** `onHealed` is called after a direction was healed. */
  constructor(onHealed: () => void) {
    this.#onHealed = onHealed
  }

  /** Whether what `from` sends arrives at `to`. */
  isOpen(from: NetworkNode, to: NetworkNode): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(`${from}>${to}`)
  }

  /** The current cuts, for `restore`. */
  save(): ReadonlyMap<string, number> {
    return new Map(this.#cuts)
  }

  restore(cuts: ReadonlyMap<string, number>): void {
    this.#cuts.clear()
    for (const [key, count] of cuts) this.#cuts.set(key, count)
  }

  /** Heals all cuts; the functions that `cut` returned then do nothing. */
  healAll(): void {
    if (this.#cuts.size === 0) return
    this.#generation += 1
    this.#cuts.clear()
    this.#onHealed()
  }

  /** Drops everything that `from` sends to `to`. Returns a function that heals the cut. */
  cut(from: NetworkNode, to: NetworkNode): () => void {
    const key = `${from}>${to}`
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1)
    let isCut = true
    const generation = this.#generation
    return () => {
      if (!isCut || generation !== this.#generation) return
      isCut = false
      const left = (this.#cuts.get(key) ?? 1) - 1
      if (left > 0) this.#cuts.set(key, left)
      else this.#cuts.delete(key)
      if (left <= 0) this.#onHealed()
    }
  }
}

/** A place in the network: a broker by its id, the controller, or all clients. */
export type NetworkNode = number | 'controller' | 'clients'

/** Who can be heard by whom. Each direction is cut on its own. */
export class Links {
  readonly #cuts = new Map<string, number>()
  readonly #onHealed: () => void
  /** +1 when all cuts were mended at once. */
  #generation = 0

  /** `onHealed` is called after a direction works again. */
  constructor(onHealed: () => void) {
    this.#onHealed = onHealed
  }

  /** Whether what `from` sends arrives at `to`. */
  isOpen(from: NetworkNode, to: NetworkNode): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(`${from}>${to}`)
  }

  /** What is cut now, to be put back with `restore`. */
  save(): ReadonlyMap<string, number> {
    return new Map(this.#cuts)
  }

  restore(cuts: ReadonlyMap<string, number>): void {
    this.#cuts.clear()
    for (const [key, count] of cuts) this.#cuts.set(key, count)
  }

  /** Everything works again; what the cuts returned does nothing any more. */
  healAll(): void {
    if (this.#cuts.size === 0) return
    this.#generation += 1
    this.#cuts.clear()
    this.#onHealed()
  }

  /** Nothing of what `from` sends arrives at `to`, until what is returned is called. */
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

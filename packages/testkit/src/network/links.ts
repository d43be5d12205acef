/** A place in the network: a broker by its id, the controller, or all clients. */
export type NetworkNode = number | 'controller' | 'clients'

/** Who can be heard by whom. Each direction is cut on its own. */
export class Links {
  readonly #cuts = new Map<string, number>()
  readonly #onHealed: () => void

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

  /** Nothing of what `from` sends arrives at `to`, until what is returned is called. */
  cut(from: NetworkNode, to: NetworkNode): () => void {
    const key = `${from}>${to}`
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1)
    let isCut = true
    return () => {
      if (!isCut) return
      isCut = false
      const left = (this.#cuts.get(key) ?? 1) - 1
      if (left > 0) this.#cuts.set(key, left)
      else this.#cuts.delete(key)
      if (left <= 0) this.#onHealed()
    }
  }
}

/** What was accepted between two calls of `flush`. */
export interface Generation {
  /** Batches, waiting records and waiting calls of it that are not settled. */
  pending: number
  readonly flushed: (() => void)[]
}

/**
 * Tells `flush` when all that was accepted before it is settled. A batch belongs to the generation of its first
 * record, which is its oldest: records reach a partition in the order they were accepted.
 */
export class FlushBarrier {
  /** Oldest first; the last one takes what is accepted now. */
  #generations: Generation[] = [{ pending: 0, flushed: [] }]
  current: Generation = this.#generations[0]!

  enter(generation: Generation): Generation {
    generation.pending++
    return generation
  }

  leave(generation: Generation): void {
    generation.pending--
    if (generation.pending === 0) this.#advance()
  }

  /** Resolves when everything of the current generation and all before has left. */
  flush(): Promise<void> {
    const closing = this.current
    this.current = { pending: 0, flushed: [] }
    this.#generations.push(this.current)
    const done = new Promise<void>((resolve) => closing.flushed.push(resolve))
    this.#advance()
    return done
  }

  #advance(): void {
    for (;;) {
      const oldest = this.#generations[0]!
      if (oldest.pending > 0 || oldest === this.current) return
      this.#generations.shift()
      for (const resolve of oldest.flushed) resolve()
    }
  }
}

/** All records that were accepted between two calls of `flush`. */
export interface Generation {
  /** Its batches, waiting records and waiting calls that are not settled. */
  pending: number
  readonly flushed: (() => void)[]
}

/**
 * Resolves `flush` when everything accepted before it is settled. A batch belongs to the generation of its first record, which is
 * its oldest: records reach a partition in the order in which they were accepted.
 */
export class FlushBarrier {
  /** Oldest first; the last one collects what is accepted now. */
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

  /** Resolves when the current generation and all before it are settled. */
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

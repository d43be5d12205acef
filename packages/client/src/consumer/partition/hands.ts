/** The items of one partition that the application is processing, and the signal that ends their processing. */
export class Hands {
  #count = 0
  #idle: (() => void)[] | undefined
  #abort: AbortController | undefined
  /** Why no item follows. An error is created only if the application looks at the signal: it costs more than the rest. */
  #closed: (() => unknown) | undefined

  get count(): number {
    return this.#count
  }

  /** Aborts when the partition is revoked or lost, when an item exceeds `maxProcessingMs`, and on close. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#closed !== undefined) this.#abort.abort(this.#closed())
    }
    return this.#abort.signal
  }

  /** After an item that took too long, the next one has a new signal. */
  abort(reason: unknown): void {
    this.#abort ??= new AbortController()
    this.#abort.abort(reason)
  }

  /** No item follows: the signal stays aborted. */
  close(reason: () => unknown): void {
    this.#closed = reason
    this.#abort?.abort(reason())
  }

  take(): void {
    this.#count++
  }

  release(): void {
    this.#count--
    if (this.#count > 0) return
    if (this.#closed === undefined && this.#abort?.signal.aborted === true) this.#abort = undefined
    const idle = this.#idle
    if (idle === undefined) return
    this.#idle = undefined
    for (const resume of idle) resume()
  }

  /** Calls `resume` when no item is in hand. */
  onIdle(resume: () => void): void {
    if (this.#count <= 0) resume()
    else if (this.#idle === undefined) this.#idle = [resume]
    else this.#idle.push(resume)
  }
}

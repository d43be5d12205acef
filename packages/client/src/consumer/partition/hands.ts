/** The items of one partition that the application is processing, and the signal that ends their processing. */
export class Hands {
  #count = 0
  #idle: (() => void)[] = []
  #abort: AbortController | undefined
  #closed = false

  get count(): number {
    return this.#count
  }

  /** Aborts when the partition is revoked or lost, when an item exceeds `maxProcessingMs`, and on close. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    return this.#abort.signal
  }

  /** After an item that took too long, the next one has a new signal. */
  abort(reason: unknown): void {
    this.#abort ??= new AbortController()
    this.#abort.abort(reason)
  }

  /** No item follows: the signal stays aborted. */
  close(reason: unknown): void {
    this.#closed = true
    this.abort(reason)
  }

  take(): void {
    this.#count++
  }

  release(): void {
    this.#count--
    if (this.#count > 0) return
    if (!this.#closed && this.#abort?.signal.aborted === true) this.#abort = undefined
    if (this.#idle.length === 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resume of idle) resume()
  }

  /** Calls `resume` when no item is in hand. */
  onIdle(resume: () => void): void {
    if (this.#count <= 0) resume()
    else this.#idle.push(resume)
  }
}

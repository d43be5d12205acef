import { type Deferred, deferred } from '../runtime/deferred.ts'

/** Counts the sockets of one client that are open or being opened, so that closing can wait for the last one. */
export class OpenSockets {
  #count = 0
  #drained: Deferred<void> | undefined

  opening(): void {
    this.#count++
  }

  gone(): void {
    this.#count--
    if (this.#count === 0) this.#drained?.resolve()
  }

  /** Resolves when no socket is left. */
  drained(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    this.#drained ??= deferred()
    return this.#drained.promise
  }
}

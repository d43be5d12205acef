import { type Deferred, deferred } from '../runtime/deferred.ts'

/** How many sockets of one client are open or being opened, so that closing can wait until none is. */
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

  /** Resolves when the last one is gone. */
  drained(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    this.#drained ??= deferred()
    return this.#drained.promise
  }
}

import { deferred } from '../../runtime/deferred.ts'
import { onAbort } from '../../runtime/wait.ts'

/** One turn at a time, in the order of the calls. */
export class TurnQueue {
  readonly #waiting: ((release: () => void) => void)[] = []
  #isTaken = false

  /** Resolves to the function that ends the turn, which has an effect once. Rejects with the reason of the signal. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (!this.#isTaken) return this.#begin()
    const { promise, resolve, reject } = deferred<() => void>()
    this.#waiting.push(resolve)
    const leave = (): void => {
      const at = this.#waiting.indexOf(resolve)
      if (at < 0) return
      this.#waiting.splice(at, 1)
      reject(signal.reason)
    }
    const release = onAbort(signal, leave)
    try {
      return await promise
    } finally {
      release()
    }
  }

  #begin(): () => void {
    this.#isTaken = true
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#isTaken = false
      const next = this.#waiting.shift()
      if (next !== undefined) next(this.#begin())
    }
  }
}

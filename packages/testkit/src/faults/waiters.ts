import type { Runtime, Timer } from '@ottla/runtime'

export interface WaitOptions {
  /** Default 5000; real time, independent of the cluster's clock. */
  readonly timeoutMs?: number
}

const defaultTimeoutMs = 5_000

interface Waiter<T> {
  readonly take: (event: T) => boolean
  readonly end: (error: Error | undefined) => void
}

/** Promises that wait for an event. Each settles by its deadline, or when the cluster closes. */
export class Waiters<T> {
  readonly #runtime: Runtime
  readonly #waiters = new Set<Waiter<T>>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Resolves when `take` returns true for an event; rejects after the timeout, with `problem` as the message. */
  wait(
    take: (event: T) => boolean,
    problem: () => string,
    { timeoutMs = defaultTimeoutMs }: WaitOptions,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined
      const waiter: Waiter<T> = {
        take,
        end: (error) => {
          this.#waiters.delete(waiter)
          if (timer !== undefined) this.#runtime.clearTimer(timer)
          if (error === undefined) resolve()
          else reject(error)
        },
      }
      this.#waiters.add(waiter)
      timer = this.#runtime.setTimer(() => waiter.end(new Error(`${problem()} within ${timeoutMs} ms`)), timeoutMs)
    })
  }

  notify(event: T): void {
    for (const waiter of this.#waiters) if (waiter.take(event)) waiter.end(undefined)
  }

  fail(error: Error): void {
    for (const waiter of this.#waiters) waiter.end(error)
  }
}

import type { KafkaError } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'

/** Something that waits for space in the buffer. */
export interface SpaceWaiter {
  /** Uses the space that there is; true when it needs no more. */
  proceed(): boolean
  /** On `monoNow`. */
  readonly deadlineMs: number
  refuse(error: KafkaError): void
}

/** The calls that wait for buffer space, first come, first served: none overtakes another, whatever its size. */
export class BufferSpace {
  readonly #waiters = new Queue<SpaceWaiter>()
  readonly #hasSpace: () => boolean
  #proceeding = false

  constructor(hasSpace: () => boolean) {
    this.#hasSpace = hasSpace
  }

  get isUnderBackpressure(): boolean {
    return this.#waiters.size > 0
  }

  wait(waiter: SpaceWaiter): void {
    this.#waiters.push(waiter)
  }

  /** Removes a waiter that no longer waits. */
  leave(waiter: SpaceWaiter): void {
    this.#waiters.remove(waiter)
  }

  /** Lets waiters proceed while there is space. */
  release(): void {
    // A waiter that proceeds may settle records, which calls this again.
    if (this.#proceeding) return
    this.#proceeding = true
    try {
      for (;;) {
        const first = this.#waiters.peek()
        if (first === undefined || !this.#hasSpace() || !first.proceed()) return
        this.#waiters.remove(first)
      }
    } finally {
      this.#proceeding = false
    }
  }

  /** Refuses those whose deadline has passed; returns the next deadline. */
  expire(nowMs: number, errorOf: () => KafkaError): number {
    for (let first = this.#waiters.peek(); first !== undefined; first = this.#waiters.peek()) {
      if (first.deadlineMs > nowMs) return first.deadlineMs
      this.#waiters.shift()
      first.refuse(errorOf())
    }
    return Number.POSITIVE_INFINITY
  }

  refuseAll(error: KafkaError): void {
    for (let first = this.#waiters.shift(); first !== undefined; first = this.#waiters.shift()) first.refuse(error)
  }
}

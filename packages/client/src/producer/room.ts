import type { KafkaError } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'

/** Something that waits for room in the buffer. */
export interface RoomWaiter {
  /** Takes what room there is; true when it needs no more. */
  proceed(): boolean
  /** When it gives up, on `monoNow`. */
  readonly deadlineMs: number
  refuse(error: KafkaError): void
}

/** Who waits for room, first come first served: nobody overtakes, whatever its size. */
export class Room {
  readonly #waiters = new Queue<RoomWaiter>()
  readonly #hasRoom: () => boolean
  #proceeding = false

  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom
  }

  get isUnderBackpressure(): boolean {
    return this.#waiters.size > 0
  }

  wait(waiter: RoomWaiter): void {
    this.#waiters.push(waiter)
  }

  /** For a waiter that gave up. */
  leave(waiter: RoomWaiter): void {
    this.#waiters.remove(waiter)
  }

  /** Lets waiters proceed while there is room. */
  release(): void {
    // A waiter that proceeds may settle records, and so come here again.
    if (this.#proceeding) return
    this.#proceeding = true
    try {
      for (;;) {
        const first = this.#waiters.peek()
        if (first === undefined || !this.#hasRoom() || !first.proceed()) return
        this.#waiters.remove(first)
      }
    } finally {
      this.#proceeding = false
    }
  }

  /** Gives up on those whose time is over; gives the next deadline. */
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

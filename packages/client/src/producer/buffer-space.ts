import { KafkaError } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'
import { freeOverheadBytes } from './buffer-budget.ts'

/** Something that waits for space in the buffer. */
export interface SpaceWaiter {
  /** Uses the space that there is; true when it needs no more. */
  proceed(): boolean
  /** The space that it will use only after `proceed`, an estimate; 0: it has used its space by then. */
  readonly reservedBytes: number
  /** On `monoNow`. */
  readonly deadlineMs: number
  refuse(error: KafkaError): void
}

/** What records that wait outside the buffer take in memory. */
export interface WaitingSize {
  /** Of their data. */
  bytes: number
  /** Of the objects around it. */
  overheadBytes: number
}

export interface BufferSpaceParts {
  /** Limit of the buffer, and again of what waits for it. */
  readonly maxBytes: number
  /** Of the buffer. */
  bufferedBytes(): number
  /** Calls back in a later turn of the event loop. */
  defer(callback: () => void): void
}

/** The calls that wait for buffer space, first come, first served: none overtakes another, whatever its size. */
export class BufferSpace {
  readonly #waiters = new Queue<SpaceWaiter>()
  readonly #parts: BufferSpaceParts
  readonly #waiting: WaitingSize = { bytes: 0, overheadBytes: 0 }
  /** Of callers that proceeded in this turn of the event loop and may not have used their space yet. */
  #reservedBytes = 0
  #proceeding = false
  #refusal: KafkaError | undefined

  constructor(parts: BufferSpaceParts) {
    this.#parts = parts
  }

  get isUnderBackpressure(): boolean {
    return this.#waiters.size > 0
  }

  /** Throws BUFFER_FULL if records of this size may not wait. One call always may, whatever its size. */
  check({ bytes, overheadBytes }: WaitingSize): void {
    const waiting = this.#waiting
    if (waiting.overheadBytes === 0) return
    const overhead = Math.max(0, waiting.overheadBytes + overheadBytes - freeOverheadBytes)
    if (waiting.bytes + bytes + overhead <= this.#parts.maxBytes) return
    // One error for all calls that find the same state: a loop of calls that are not awaited may make millions.
    this.#refusal ??= tooManyWaiting(this.#parts.maxBytes)
    throw this.#refusal
  }

  /** Counts records that wait. */
  hold({ bytes, overheadBytes }: WaitingSize): void {
    this.#waiting.bytes += bytes
    this.#waiting.overheadBytes += overheadBytes
  }

  /** Counts records that no longer wait. */
  unhold({ bytes, overheadBytes }: WaitingSize): void {
    this.#waiting.bytes -= bytes
    this.#waiting.overheadBytes -= overheadBytes
    this.#refusal = undefined
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
        if (first.reservedBytes > 0) this.#reserve(first.reservedBytes)
      }
    } finally {
      this.#proceeding = false
    }
  }

  #hasSpace(): boolean {
    return this.#parts.bufferedBytes() + this.#reservedBytes < this.#parts.maxBytes
  }

  /** Only until the next turn of the event loop: a caller that does not use its space must not block the others. */
  #reserve(bytes: number): void {
    if (this.#reservedBytes === 0) {
      this.#parts.defer(() => {
        this.#reservedBytes = 0
        this.release()
      })
    }
    this.#reservedBytes += bytes
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

function tooManyWaiting(maxBufferedBytes: number): KafkaError {
  const message = `The producer's buffer is full, and the records that wait for it reach its size (maxBufferedBytes ${maxBufferedBytes})`
  return new KafkaError('BUFFER_FULL', message, {
    retriable: true,
    outcome: 'not-written',
    hint: 'Await earlier calls of send() before the next ones.',
  })
}

/** For a call that has waited for space for as long as its records may live. */
export function spaceTimedOutError(options: {
  readonly maxBufferedBytes: number
  readonly deliveryTimeoutMs: number
}): KafkaError {
  const { maxBufferedBytes, deliveryTimeoutMs } = options
  const message = `Timed out after ${deliveryTimeoutMs} ms waiting for buffer space (maxBufferedBytes ${maxBufferedBytes})`
  return new KafkaError('BUFFER_FULL', message, { retriable: true, outcome: 'not-written' })
}

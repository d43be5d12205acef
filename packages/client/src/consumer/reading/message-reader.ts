import { Message } from '../message.ts'
import { type DeliveredBatch, Delivery } from './delivery.ts'
import { busyError, type HandOut, type Reader } from './hand-out.ts'

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * Iterates over messages. Not an async generator, so that a buffered message costs one settled promise and no microtask hop, and so
 * that `return` can end a pending `next`.
 */
export class MessageReader implements AsyncIterableIterator<Message> {
  readonly #handOut: HandOut
  readonly #delivery: Delivery
  readonly #reader: Reader
  #batch: DeliveredBatch | undefined
  #isBusy = false
  #isAcquired = false
  #isEnded = false

  /** @internal */
  constructor(handOut: HandOut, { signal }: ReadOptions) {
    this.#handOut = handOut
    this.#delivery = new Delivery('loop', handOut.deliveries)
    const isEnded = (): boolean => this.#isEnded
    this.#reader = {
      signal,
      get isEnded() {
        return isEnded()
      },
    }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Marks the message before as processed, except in mode 'manual'. */
  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#isBusy) return Promise.reject(busyError())
    const batch = this.#batch
    if (batch === undefined) return this.#nextBatch()
    this.#settle()
    return this.#buffered(batch) ?? this.#nextBatch()
  }

  /** Called by `break`: the current message stays undone, and the next reader starts with it. Ends a pending `next()`. */
  async return(): Promise<IteratorResult<Message, undefined>> {
    this.#end()
    return { value: undefined, done: true }
  }

  /** The next message, if it is buffered. */
  #buffered(first: DeliveredBatch): Promise<IteratorResult<Message, undefined>> | undefined {
    const handOut = this.#handOut
    for (let batch: DeliveredBatch | undefined = first; batch !== undefined; ) {
      if (!handOut.continues(batch, this.#reader)) return undefined
      if (handOut.nextRecord(batch)) return Promise.resolve({ value: this.#give(batch), done: false })
      handOut.finish(batch)
      batch = handOut.take(this.#reader)
      this.#batch = batch
    }
    return undefined
  }

  async #nextBatch(): Promise<IteratorResult<Message, undefined>> {
    if (this.#isEnded) return { value: undefined, done: true }
    this.#isBusy = true
    try {
      if (!this.#isAcquired) this.#handOut.acquire(this.#reader)
      this.#isAcquired = true
      for (;;) {
        const batch = await this.#current()
        if (batch === undefined) {
          this.#end()
          return { value: undefined, done: true }
        }
        // It may have been revoked since it was taken.
        if (batch.current && this.#handOut.nextRecord(batch)) return { value: this.#give(batch), done: false }
        if (batch.current) this.#handOut.finish(batch)
        else this.#handOut.putBack(batch)
        this.#batch = undefined
      }
    } catch (error) {
      this.#end()
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  /** The batch to read from: the current one while that is possible, else the next one. */
  async #current(): Promise<DeliveredBatch | undefined> {
    const batch = this.#batch
    this.#batch = undefined
    if (batch !== undefined) {
      if (this.#handOut.continues(batch, this.#reader)) {
        this.#batch = batch
        return batch
      }
      this.#handOut.putBack(batch)
    }
    const next = await this.#handOut.next(this.#reader)
    if (next !== undefined && this.#isEnded) {
      this.#handOut.putBack(next)
      return undefined
    }
    this.#batch = next
    return next
  }

  #give(batch: DeliveredBatch): Message {
    this.#delivery.handRecord(batch)
    return new Message(batch, batch.records)
  }

  #settle(): void {
    if (this.#delivery.partition !== undefined) this.#handOut.counted(this.#delivery.settle(this.#handOut.mark))
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#delivery.undo()
    this.#delivery.close()
    const batch = this.#batch
    this.#batch = undefined
    if (batch !== undefined) this.#handOut.putBack(batch)
    if (this.#isAcquired) this.#handOut.release(this.#reader)
  }
}

import { type AnyMessage, Message } from '../message.ts'
import type { DeliveredBatch } from './delivery.ts'
import { busyError, type HandOut } from './hand-out.ts'
import type { LoopPort } from './loop.ts'

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * Iterates over messages. Not an async generator, so that a buffered message costs one settled promise and no microtask hop, and so
 * that `return` can end a pending `next`.
 */
export class MessageReader<M extends AnyMessage = Message> implements AsyncIterableIterator<M> {
  readonly #handOut: HandOut
  readonly #loop: LoopPort
  #isBusy = false

  /** @internal */
  constructor(handOut: HandOut, loop: LoopPort) {
    this.#handOut = handOut
    this.#loop = loop
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Marks the message before as processed, except in mode 'manual'. */
  next(): Promise<IteratorResult<M, undefined>> {
    if (this.#isBusy) return Promise.reject(busyError())
    const batch = this.#loop.batch
    if (batch === undefined) return this.#nextBatch()
    this.#loop.settle()
    return this.#buffered(batch) ?? this.#nextBatch()
  }

  /** Called by `break`: the current message stays undone, and the next reader starts with it. Ends a pending `next()`. */
  async return(): Promise<IteratorResult<M, undefined>> {
    this.#loop.end()
    return { value: undefined, done: true }
  }

  /** The next message, if it is buffered. */
  #buffered(first: DeliveredBatch): Promise<IteratorResult<M, undefined>> | undefined {
    const handOut = this.#handOut
    for (let batch: DeliveredBatch | undefined = first; batch !== undefined; ) {
      if (!handOut.continues(batch, this.#loop)) return undefined
      if (handOut.nextRecord(batch)) return Promise.resolve({ value: this.#give(batch), done: false })
      handOut.finish(batch)
      batch = this.#loop.take()
      this.#loop.batch = batch
    }
    return undefined
  }

  async #nextBatch(): Promise<IteratorResult<M, undefined>> {
    if (this.#loop.isEnded) return { value: undefined, done: true }
    this.#isBusy = true
    try {
      this.#loop.acquire()
      for (;;) {
        const batch = await this.#current()
        if (batch === undefined) {
          this.#loop.end()
          return { value: undefined, done: true }
        }
        // It may have been revoked since it was taken.
        if (batch.current && this.#handOut.nextRecord(batch)) return { value: this.#give(batch), done: false }
        if (batch.current) this.#handOut.finish(batch)
        else this.#handOut.putBack(batch)
        this.#loop.batch = undefined
      }
    } catch (error) {
      this.#loop.end()
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  /** The batch to read from: the current one while that is possible, else the next one. */
  async #current(): Promise<DeliveredBatch | undefined> {
    const batch = this.#loop.batch
    this.#loop.batch = undefined
    if (batch !== undefined) {
      if (this.#handOut.continues(batch, this.#loop)) {
        this.#loop.batch = batch
        return batch
      }
      this.#handOut.putBack(batch)
    }
    const next = await this.#loop.next()
    if (next !== undefined && this.#loop.isEnded) {
      this.#handOut.putBack(next)
      return undefined
    }
    this.#loop.batch = next
    return next
  }

  #give(batch: DeliveredBatch): M {
    this.#loop.delivery.handRecord(batch)
    return new Message(batch, batch.records) as AnyMessage as M
  }
}

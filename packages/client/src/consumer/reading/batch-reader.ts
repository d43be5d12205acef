import { type AnyMessage, type BatchOf, type Message, MessageBatch } from '../message.ts'
import type { DeliveredBatch } from './delivery.ts'
import { busyError, type HandOut } from './hand-out.ts'
import type { LoopPort } from './loop.ts'

/** Iterates over record batches as written. The rules are those of `MessageReader`. */
export class BatchReader<M extends AnyMessage = Message> implements AsyncIterableIterator<BatchOf<M>> {
  readonly #handOut: HandOut
  readonly #commit: (batch: MessageBatch<AnyMessage>) => Promise<void>
  readonly #loop: LoopPort
  #isBusy = false

  /** @internal */
  constructor(handOut: HandOut, commit: (batch: MessageBatch<AnyMessage>) => Promise<void>, loop: LoopPort) {
    this.#handOut = handOut
    this.#commit = commit
    this.#loop = loop
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Marks the batch before as processed, except in mode 'manual'. */
  async next(): Promise<IteratorResult<BatchOf<M>, undefined>> {
    if (this.#isBusy) throw busyError()
    if (this.#loop.isEnded) return { value: undefined, done: true }
    this.#isBusy = true
    try {
      this.#loop.acquire()
      this.#settle()
      const batch = await this.#next()
      if (batch === undefined || this.#loop.isEnded) {
        if (batch !== undefined) this.#handOut.putBack(batch)
        this.#loop.end()
        return { value: undefined, done: true }
      }
      this.#loop.batch = batch
      this.#loop.delivery.handBatch(batch)
      return { value: new MessageBatch<AnyMessage>(batch, this.#commit) as BatchOf<M>, done: false }
    } catch (error) {
      this.#loop.end()
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  /** Called by `break`: what of the batch was not marked stays undone. Ends a pending `next()`. */
  async return(): Promise<IteratorResult<BatchOf<M>, undefined>> {
    this.#loop.end()
    return { value: undefined, done: true }
  }

  /** It may be revoked between the moment it is taken and the one it arrives here. */
  async #next(): Promise<DeliveredBatch | undefined> {
    const handOut = this.#handOut
    for (;;) {
      const batch = this.#loop.take() ?? (await this.#loop.next())
      if (batch === undefined || this.#loop.isEnded) return batch
      if (!batch.current) handOut.putBack(batch)
      else if (handOut.decodeBatch(batch)) return batch
      else handOut.finish(batch)
    }
  }

  #settle(): void {
    const batch = this.#loop.batch
    if (batch === undefined) return
    this.#loop.batch = undefined
    this.#loop.settle()
    this.#handOut.finish(batch)
  }
}

import { MessageBatch } from '../message.ts'
import { type DeliveredBatch, Delivery } from './delivery.ts'
import { busyError, type HandOut, type Reader } from './hand-out.ts'
import type { ReadOptions } from './message-reader.ts'

/** Iterates over record batches as written. The rules are those of `MessageReader`. */
export class BatchReader implements AsyncIterableIterator<MessageBatch> {
  readonly #handOut: HandOut
  readonly #commit: (batch: MessageBatch) => Promise<void>
  readonly #delivery: Delivery
  readonly #reader: Reader
  #batch: DeliveredBatch | undefined
  #isBusy = false
  #isAcquired = false
  #isEnded = false

  /** @internal */
  constructor(handOut: HandOut, commit: (batch: MessageBatch) => Promise<void>, { signal }: ReadOptions) {
    this.#handOut = handOut
    this.#commit = commit
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

  /** Marks the batch before as processed, except in mode 'manual'. */
  async next(): Promise<IteratorResult<MessageBatch, undefined>> {
    if (this.#isBusy) throw busyError()
    if (this.#isEnded) return { value: undefined, done: true }
    this.#isBusy = true
    try {
      if (!this.#isAcquired) this.#handOut.acquire(this.#reader)
      this.#isAcquired = true
      this.#settle()
      const batch = this.#handOut.take(this.#reader) ?? (await this.#next())
      if (batch === undefined || this.#isEnded) {
        if (batch !== undefined) this.#handOut.putBack(batch)
        this.#end()
        return { value: undefined, done: true }
      }
      this.#batch = batch
      this.#delivery.handBatch(batch)
      return { value: new MessageBatch(batch, this.#commit), done: false }
    } catch (error) {
      this.#end()
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  /** Called by `break`: what of the batch was not marked stays undone. Ends a pending `next()`. */
  async return(): Promise<IteratorResult<MessageBatch, undefined>> {
    this.#end()
    return { value: undefined, done: true }
  }

  /** It may be revoked between the moment it is taken and the one it arrives here. */
  async #next(): Promise<DeliveredBatch | undefined> {
    for (;;) {
      const batch = await this.#handOut.next(this.#reader)
      if (batch === undefined || batch.current) return batch
      this.#handOut.putBack(batch)
    }
  }

  #settle(): void {
    const batch = this.#batch
    if (batch === undefined) return
    this.#batch = undefined
    this.#handOut.counted(this.#delivery.settle(this.#handOut.mark))
    this.#handOut.finish(batch)
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

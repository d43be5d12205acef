import { type DeliveredBatch, Delivery } from './delivery.ts'
import type { HandOut, Reader } from './hand-out.ts'

/** What an iterator holds: its place as the only reader, the batch it reads from, and the item in the application's hands. */
export class Loop implements Reader {
  readonly delivery: Delivery
  readonly signal: AbortSignal | undefined
  /** The batch that is read from; undefined: none. */
  batch: DeliveredBatch | undefined
  readonly #handOut: HandOut
  #isAcquired = false
  #isEnded = false

  constructor(handOut: HandOut, signal: AbortSignal | undefined) {
    this.#handOut = handOut
    this.signal = signal
    this.delivery = new Delivery('loop', handOut.deliveries)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Becomes the only reader. Throws like `HandOut.acquire`. */
  acquire(): void {
    if (!this.#isAcquired) this.#handOut.acquire(this)
    this.#isAcquired = true
  }

  /** The item before is done: marks it as processed, except in mode 'manual'. */
  settle(): void {
    this.#handOut.counted(this.delivery.settle(this.#handOut.mark))
  }

  /** Returns what was not marked: the next reader starts with it. */
  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.delivery.undo()
    this.delivery.close()
    const { batch } = this
    this.batch = undefined
    if (batch !== undefined) this.#handOut.putBack(batch)
    if (this.#isAcquired) this.#handOut.release(this)
  }
}

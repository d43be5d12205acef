import { type DeliveredBatch, Delivery } from './delivery.ts'
import type { HandOut, Reader } from './hand-out.ts'

/** What an iterator of messages or batches reads from. */
export interface LoopPort extends Reader {
  readonly delivery: Delivery
  /** The batch that is read from; undefined: none. */
  batch: DeliveredBatch | undefined
  /** Becomes the only reader. */
  acquire(): void
  /** Waits for a batch; undefined: none follows. */
  next(): Promise<DeliveredBatch | undefined>
  /** The same without waiting. */
  take(): DeliveredBatch | undefined
  settle(): void
  end(): void
}

/** What an iterator holds: its place as the only reader, the batch it reads from, and the item in the application's hands. */
export class Loop implements LoopPort {
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

  next(): Promise<DeliveredBatch | undefined> {
    return this.#handOut.next(this)
  }

  take(): DeliveredBatch | undefined {
    return this.#handOut.take(this)
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

import { type DeliveredBatch, Delivery } from '../consumer/reading/delivery.ts'
import { busyError, type HandOut, type Reader } from '../consumer/reading/hand-out.ts'
import { onAbort } from '../runtime/wait.ts'
import { type BatchHost, EngineBatch } from './engine-batch.ts'

export interface EngineReadOptions {
  /** Fetched record batches of a partition are delivered together up to this size; one is always delivered. Default 1 MiB. */
  readonly maxBatchBytes?: number | undefined
  /** When it aborts, the pending or next `next()` rejects with ABORTED. */
  readonly signal?: AbortSignal | undefined
}

/** The place of the consumer's only reader, which the loops of an engine share. */
export class ReaderPlace implements Reader {
  readonly isEnded = false
  readonly signal = undefined
  readonly #handOut: HandOut
  readonly #loops = new Set<EngineReader>()

  constructor(handOut: HandOut) {
    this.#handOut = handOut
  }

  /** Throws like `HandOut.acquire`. */
  enter(loop: EngineReader): void {
    if (this.#loops.size === 0) this.#handOut.acquire(this)
    this.#loops.add(loop)
  }

  leave(loop: EngineReader): void {
    if (this.#loops.delete(loop) && this.#loops.size === 0) this.#handOut.release(this)
  }
}

/** Iterates over batches. Several loops of one engine share the partitions: each has a batch of another one. */
export class EngineReader implements AsyncIterableIterator<EngineBatch> {
  readonly signal: AbortSignal | undefined
  readonly #host: BatchHost
  readonly #place: ReaderPlace
  readonly #maxBatchBytes: number
  readonly #delivery: Delivery
  #release: (() => void) | undefined
  #batch: EngineBatch | undefined
  #isBusy = false
  #isEnded = false

  /** @internal */
  constructor(host: BatchHost, place: ReaderPlace, maxBatchBytes: number, signal: AbortSignal | undefined) {
    this.#host = host
    this.#place = place
    this.#maxBatchBytes = maxBatchBytes
    this.signal = signal
    this.#delivery = new Delivery('loop', host.handOut.deliveries)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Settles the batch before, which counts as processed, except in mode 'manual'. */
  async next(): Promise<IteratorResult<EngineBatch, undefined>> {
    if (this.#isBusy) throw busyError()
    if (this.#isEnded) return { value: undefined, done: true }
    this.#isBusy = true
    try {
      this.#enter()
      this.#batch?.finish()
      this.#batch = undefined
      const first = await this.#take()
      if (first === undefined) {
        this.#end()
        return { value: undefined, done: true }
      }
      this.#batch = new EngineBatch(this.#merge(first), this.#delivery, this.#host)
      return { value: this.#batch, done: false }
    } catch (error) {
      this.#end()
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  /** Called by `break`: what of the batch was not marked is delivered again. Ends a pending `next()`. */
  async return(): Promise<IteratorResult<EngineBatch, undefined>> {
    this.#end()
    return { value: undefined, done: true }
  }

  #enter(): void {
    if (this.#release !== undefined) return
    const { handOut } = this.#host
    this.#place.enter(this)
    this.#release = onAbort(this.signal, () => handOut.wake())
  }

  /** Undefined: the reader or the consumer ended. A batch may be revoked between the moment it is taken and the one it arrives here. */
  async #take(): Promise<DeliveredBatch | undefined> {
    const { handOut } = this.#host
    for (;;) {
      const batch = handOut.take(this) ?? (await handOut.next(this))
      if (batch === undefined) return undefined
      if (batch.current && !this.#isEnded) return batch
      handOut.putBack(batch)
      if (this.#isEnded) return undefined
    }
  }

  #merge(first: DeliveredBatch): [DeliveredBatch, ...DeliveredBatch[]] {
    const parts: [DeliveredBatch, ...DeliveredBatch[]] = [first]
    let roomBytes = this.#maxBatchBytes - first.sizeBytes
    for (;;) {
      const part = this.#host.handOut.takeMore(first.owner, roomBytes)
      if (part === undefined) return parts
      parts.push(part)
      roomBytes -= part.sizeBytes
    }
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#batch?.leave()
    this.#batch = undefined
    this.#delivery.close()
    this.#release?.()
    this.#place.leave(this)
    // A pending `next` ends.
    this.#host.handOut.wake()
  }
}

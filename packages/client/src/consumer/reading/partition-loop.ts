import { type Deferred, deferred } from '../../runtime/deferred.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { type DeliveredBatch, Delivery } from './delivery.ts'
import type { HandOut } from './hand-out.ts'
import type { LoopPort } from './loop.ts'

/** What the iterator of a single partition reads from: the batches that are given to it, one at a time. */
export class PartitionLoop implements LoopPort {
  readonly partition: AssignedPartition
  readonly delivery: Delivery
  readonly signal: AbortSignal | undefined
  batch: DeliveredBatch | undefined
  readonly #handOut: HandOut
  readonly #onEnded: (loop: PartitionLoop) => void
  #given: DeliveredBatch | undefined
  #waiting: Deferred<void> | undefined
  /** No batch follows, and the item in hand may come to its end. */
  #isStopped = false
  #isEnded = false

  constructor(
    handOut: HandOut,
    partition: AssignedPartition,
    signal: AbortSignal | undefined,
    onEnded: (loop: PartitionLoop) => void,
  ) {
    this.#handOut = handOut
    this.partition = partition
    this.signal = signal
    this.#onEnded = onEnded
    this.delivery = new Delivery('loop', handOut.deliveries)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** An item of it is in the application's hands. */
  get isBusy(): boolean {
    return this.delivery.partition !== undefined
  }

  /** The next batch of its partition. */
  give(batch: DeliveredBatch): void {
    this.#given = batch
    this.#resume()
  }

  stop(): void {
    this.#isStopped = true
    if (!this.isBusy && this.batch === undefined) this.end()
    else this.#returnGiven()
  }

  /** Nothing to acquire: the reader of all partitions is the only one. */
  acquire(): void {}

  async next(): Promise<DeliveredBatch | undefined> {
    for (;;) {
      const batch = this.take()
      if (batch !== undefined || this.#isStopped || this.#isEnded) return batch
      // Its item was settled: everything may be read.
      this.#handOut.wake()
      this.#waiting ??= deferred()
      await this.#waiting.promise
    }
  }

  take(): DeliveredBatch | undefined {
    const batch = this.#given
    this.#given = undefined
    return batch
  }

  settle(): void {
    this.#handOut.counted(this.delivery.settle(this.#handOut.mark))
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.delivery.undo()
    this.delivery.close()
    const { batch } = this
    this.batch = undefined
    if (batch !== undefined) this.#handOut.putBack(batch)
    this.#returnGiven()
    this.#resume()
    this.#onEnded(this)
  }

  #returnGiven(): void {
    const batch = this.take()
    if (batch !== undefined) this.#handOut.putBack(batch)
  }

  #resume(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }
}

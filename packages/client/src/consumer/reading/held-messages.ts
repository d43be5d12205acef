import { type AnyMessage, Message } from '../message.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { type DeliveredBatch, Delivery, type DeliveryKind } from './delivery.ts'
import type { HandOut } from './hand-out.ts'

/** Messages of several batches that are in the application's hands together, with one delivery for each partition. */
export class HeldMessages {
  readonly #handOut: HandOut
  readonly #kind: DeliveryKind
  readonly #deliveries = new Map<AssignedPartition, Delivery>()

  constructor(handOut: HandOut, kind: DeliveryKind) {
    this.#handOut = handOut
    this.#kind = kind
  }

  /** Adds records of a batch to `messages`, until these are `maxRecords`, and returns the batch. */
  take<M extends AnyMessage>(batch: DeliveredBatch, messages: M[], maxRecords: number): void {
    if (this.#takeFrom(batch, messages, maxRecords)) this.#handOut.finish(batch)
    else this.#handOut.putBack(batch)
  }

  /** The application is done with all of them: marks them as processed, except in mode 'manual'. */
  settle(): void {
    for (const delivery of this.#deliveries.values()) {
      this.#handOut.counted(delivery.settle(this.#handOut.mark))
      delivery.close()
    }
    this.#deliveries.clear()
  }

  /** What was not marked is delivered again. */
  undo(): void {
    for (const partition of [...this.#deliveries.keys()]) this.undoOf(partition)
  }

  /** The same for one partition. Returns whether any of its messages was held. */
  undoOf(partition: AssignedPartition): boolean {
    const delivery = this.#deliveries.get(partition)
    if (delivery === undefined) return false
    this.#deliveries.delete(partition)
    delivery.undo()
    delivery.close()
    return true
  }

  /** What was marked meanwhile is no longer in hand. */
  trim(): void {
    for (const [partition, delivery] of this.#deliveries) {
      if (delivery.trim()) continue
      this.#deliveries.delete(partition)
      delivery.leave()
      delivery.close()
    }
  }

  /** Whether the partition was given up or moved since its messages were taken. */
  isOutdated(partition: AssignedPartition): boolean {
    const delivery = this.#deliveries.get(partition)
    return delivery !== undefined && (!partition.owned || delivery.era !== partition.era)
  }

  /** Returns whether the batch has no further record. */
  #takeFrom<M extends AnyMessage>(batch: DeliveredBatch, messages: M[], maxRecords: number): boolean {
    // It may have been revoked since it was taken.
    while (batch.current && messages.length < maxRecords) {
      if (!this.#handOut.nextRecord(batch)) return true
      this.#deliveryOf(batch.owner).handMore(batch)
      messages.push(new Message(batch, batch.records) as AnyMessage as M)
    }
    return false
  }

  #deliveryOf(partition: AssignedPartition): Delivery {
    let delivery = this.#deliveries.get(partition)
    if (delivery === undefined) {
      delivery = new Delivery(this.#kind, this.#handOut.deliveries)
      this.#deliveries.set(partition, delivery)
    }
    return delivery
  }
}

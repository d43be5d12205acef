import type { KafkaError } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Era } from '../partition/era.ts'
import type { FetchedBatch } from '../partition/fetched-batch.ts'

export type DeliveredBatch = FetchedBatch<AssignedPartition>

/** By what the application reads: items of a poll are in hand between two calls, so that no reader waits for them. */
export type DeliveryKind = 'loop' | 'run' | 'poll'

/** A record that was handed out and has a signal of its own. */
export interface HandedItem {
  readonly owner: AssignedPartition
  readonly era: Era
  readonly offset: number
  abort(reason: KafkaError): void
}

/**
 * What the application has in hand: a message, a batch, or the messages of one partition that a poll returned. A reader uses one
 * object for all its items, so that a message costs no allocation. It is watched wherever its partition went meanwhile.
 */
export class Delivery {
  readonly kind: DeliveryKind
  readonly #deliveries: Deliveries
  #partition: AssignedPartition | undefined
  #era: Era | undefined
  #item: HandedItem | undefined
  #start = -1
  #end = -1
  #records = 0
  /** Increases with each item: the watchdog recognises progress without reading the clock for each. */
  #turn = 0

  constructor(kind: DeliveryKind, deliveries: Deliveries) {
    this.kind = kind
    this.#deliveries = deliveries
    deliveries.add(this)
  }

  /** The partition of the item in hand; undefined: none. */
  get partition(): AssignedPartition | undefined {
    return this.#partition
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  get turn(): number {
    return this.#turn
  }

  /** Whether its records are still delivered from the same sequence, and why not. */
  get era(): Era | undefined {
    return this.#era
  }

  /** Whether the application still has to process a part of it. */
  get isOpen(): boolean {
    const partition = this.#partition
    if (partition === undefined) return false
    return this.#era !== partition.era || partition.progress.isHanded(this.#start, this.#end)
  }

  /** Hands out the record at which the batch stopped. */
  handRecord(batch: DeliveredBatch): void {
    const { owner, offset } = batch
    owner.progress.hand(offset, offset + 1, batch.leaderEpoch)
    this.#begin(batch, offset, offset + 1)
    this.#records = 1
  }

  /** Adds the record at which the batch stopped to those in hand, which are of the same partition. */
  handMore(batch: DeliveredBatch): void {
    const { owner, offset } = batch
    owner.progress.extend(offset, offset + 1, batch.leaderEpoch)
    if (this.#partition === undefined) this.#begin(batch, offset, offset + 1)
    this.#end = offset + 1
    this.#records++
  }

  /** Hands out the record at which the batch stopped: it is in the application's hands, and waits until `takeItem`. */
  static handWaiting({ owner, offset, leaderEpoch }: DeliveredBatch): void {
    owner.progress.storeAhead()
    owner.progress.hand(offset, offset + 1, leaderEpoch)
  }

  /** Takes an item that was handed out before, and waited since. Its signal is its own. */
  takeItem(item: HandedItem): void {
    const { offset } = item
    this.#item = item
    this.#begin(item, offset, offset + 1)
    this.#records = 1
  }

  handBatch(batch: DeliveredBatch): void {
    handRecordsOf(batch)
    this.#begin(batch, batch.firstOffset, batch.itemEnd)
    this.#records = batch.batch.recordCount
  }

  /** Adds the batch to those in hand, which are the ones before it. */
  handMoreBatches(batch: DeliveredBatch): void {
    handRecordsOf(batch)
    this.#end = batch.itemEnd
    this.#records += batch.batch.recordCount
  }

  /** The application is done with the item. With `mark` it is processed; returns how many records were marked. */
  settle(mark: boolean): number {
    const partition = this.#partition
    if (partition === undefined) return 0
    const end = Math.min(this.#end, this.#era?.validBelow ?? 0)
    const isMarked = mark && this.#start < end
    if (isMarked) partition.progress.settle(this.#start, end)
    this.#finish(partition)
    return isMarked ? this.#records : 0
  }

  /** A part of the item is processed; the rest stays in hand. */
  settlePart({ start, end }: { readonly start: number; readonly end: number }): void {
    if (end <= (this.#era?.validBelow ?? 0)) this.#partition?.progress.settle(start, end)
  }

  /** What was marked at its beginning is no longer part of it, and the rest counts as another item. False: nothing is left. */
  trim(): boolean {
    const partition = this.#partition
    if (partition === undefined || !this.isOpen) return false
    const { offset } = partition.progress.lowestUndone
    if (this.#era !== partition.era || offset <= this.#start) return true
    this.#start = offset
    this.#turn++
    return true
  }

  /** The application returns the item: what of it was not marked is delivered again. */
  undo(): void {
    const partition = this.#partition
    if (partition === undefined) return
    const end = Math.min(this.#end, this.#era?.validBelow ?? 0)
    if (this.#start < end) partition.giveBack(this.#start, end)
    this.#finish(partition)
  }

  /**
   * The application returns the item from `offset` on, which is delivered again; it is done with what is before, as by `settle`. Returns how
   * many offsets were marked.
   */
  putBack(offset: number, mark: boolean): number {
    const partition = this.#partition
    if (partition === undefined) return 0
    const end = Math.min(this.#end, this.#era?.validBelow ?? 0)
    const cut = Math.min(offset, end)
    const marked = mark ? Math.max(0, cut - this.#start) : 0
    if (marked > 0) partition.progress.settle(this.#start, cut)
    if (cut < end) partition.giveBack(cut, end)
    this.#finish(partition)
    return marked
  }

  /** The application reports that it still processes the item. */
  progress(): void {
    if (this.#partition !== undefined) this.#turn++
  }

  /** The application has ended with the item, which remains undone and is not delivered again yet. */
  leave(): void {
    if (this.#partition !== undefined) this.#finish(this.#partition)
  }

  /** Aborts the signal of the handler that processes the item. */
  abort(reason: KafkaError): void {
    if (this.#item !== undefined) this.#item.abort(reason)
    else this.#partition?.hands.abort(reason)
  }

  /** The reader ends. */
  close(): void {
    this.#deliveries.delete(this)
  }

  #begin({ owner, era }: Pick<DeliveredBatch, 'owner' | 'era'>, start: number, end: number): void {
    this.#partition = owner
    this.#era = era
    this.#start = start
    this.#end = end
    this.#turn++
    owner.hands.take()
  }

  #finish(partition: AssignedPartition): void {
    this.#partition = undefined
    this.#era = undefined
    this.#item = undefined
    this.#start = -1
    this.#turn++
    partition.hands.release()
    this.#deliveries.changed()
  }
}

function handRecordsOf({ owner, itemEnd, firstOffset, deliverable, leaderEpoch }: DeliveredBatch): void {
  if (deliverable === undefined) owner.progress.hand(firstOffset, itemEnd, leaderEpoch)
  else owner.progress.handAll(deliverable, itemEnd, leaderEpoch)
}

/** All items in the application's hands. */
export class Deliveries implements Iterable<Delivery> {
  #waiting: { readonly partitions: ReadonlySet<AssignedPartition>; readonly resume: () => void }[] = []
  readonly #all = new Set<Delivery>()
  /** Called when an item was settled, returned or marked. */
  onChanged: (() => void) | undefined

  add(delivery: Delivery): void {
    this.#all.add(delivery)
  }

  delete(delivery: Delivery): void {
    this.#all.delete(delivery)
  }

  /** How many items of the partition are in hand and not processed. */
  openIn(partition: AssignedPartition): number {
    let count = 0
    for (const delivery of this.#all) if (delivery.partition === partition && delivery.isOpen) count++
    return count
  }

  /** Resolves when no item of these partitions is in hand, or each one in hand is marked as processed. */
  idle(partitions: Iterable<AssignedPartition>): Promise<void> {
    const waited = new Set(partitions)
    if (!this.#isBusy(waited)) return Promise.resolve()
    return new Promise((resume) => {
      this.#waiting.push({ partitions: waited, resume })
    })
  }

  [Symbol.iterator](): Iterator<Delivery> {
    return this.#all.values()
  }

  /** An item was settled, returned or marked. */
  changed(): void {
    this.onChanged?.()
    if (this.#waiting.length === 0) return
    this.#waiting = this.#waiting.filter(({ partitions, resume }) => {
      if (this.#isBusy(partitions)) return true
      resume()
      return false
    })
  }

  #isBusy(partitions: ReadonlySet<AssignedPartition>): boolean {
    for (const delivery of this.#all) {
      if (delivery.partition !== undefined && partitions.has(delivery.partition) && delivery.isOpen) return true
    }
    return false
  }
}

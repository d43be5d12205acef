import { KafkaError } from '../../errors.ts'
import { backoffMs } from '../../runtime/backoff.ts'
import { type Deferred, deferred } from '../../runtime/deferred.ts'
import { Queue } from '../../runtime/queue.ts'
import { onAbort, withSignal } from '../../runtime/wait.ts'
import { Message } from '../message.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { type DeliveredBatch, Delivery } from './delivery.ts'
import { FullPartitions } from './full-partitions.ts'
import type { HandOut, Reader } from './hand-out.ts'
import { ItemContext, KeyedItem } from './keyed-item.ts'
import { KeyedWorks } from './keyed-works.ts'
import { ParkedKeys } from './parked-keys.ts'
import type { PartitionWork } from './partition-work.ts'
import { Postponed } from './postponed.ts'
import type { FailedItem, Recovery } from './recovery-port.ts'
import { runInside } from './run-context.ts'
import type { ResolvedRunOptions } from './run-options.ts'
import { handlerError, isThenable, type RunnerHost, unrecoveredError, verdictOf } from './runner.ts'
import { WaitingRoom } from './waiting-room.ts'

/**
 * Passes records to a handler, side by side: by key those of one key in order, by 'none' in any order. A record that is taken from its
 * batch counts as handed out; it runs, or waits for an earlier one of its key or for its next attempt, without a worker.
 */
export class KeyedRunner implements Reader {
  readonly #host: RunnerHost
  readonly #handOut: HandOut
  readonly #options: ResolvedRunOptions
  readonly #works = new KeyedWorks()
  readonly #room: WaitingRoom
  /** Partitions that reached a limit. */
  readonly #full: FullPartitions
  /** Waited, and may run now. */
  readonly #runnable = new Queue<KeyedItem>()
  /** Failed, and wait for their next attempt. */
  readonly #parked: ParkedKeys
  /** Undone when their handler ended, for the next reader. */
  readonly #left: KeyedItem[] = []
  readonly #idle: Delivery[] = []
  /** From which records are taken now. */
  #batch: DeliveredBatch | undefined
  #running = 0
  #isResuming = false
  /** Resolves when a handler may be started, and when the run ends. */
  #freed: Deferred<void> | undefined
  #failure: unknown
  #isStopped = false

  constructor(host: RunnerHost, handOut: HandOut, options: ResolvedRunOptions) {
    this.#host = host
    this.#handOut = handOut
    this.#options = options
    this.#room = new WaitingRoom(host.maxBufferedBytes / 2, () => this.#works.size)
    const { maxAhead } = options
    this.#full = new FullPartitions(
      (work) => !this.#isOver && work.hasFreeRoom(maxAhead) && this.#room.hasFreeRoom(work),
      (partition) => host.ready(partition),
    )
    this.#parked = new ParkedKeys(
      host.runtime,
      (item) => this.#runnable.push(item),
      () => this.#resume(),
    )
  }

  /** The run ends by itself at its signal, and waits for its handlers: it does not reject. */
  readonly signal = undefined
  get isEnded(): boolean {
    return this.#isStopped
  }

  get hasWork(): boolean {
    return this.#running > 0 || this.#runnable.size > 0 || this.#parked.size > 0 || this.#works.hasHeld
  }

  async run(): Promise<void> {
    const { deliveries } = this.#handOut
    this.#handOut.acquire(this)
    deliveries.onChanged = () => this.#full.continueFree()
    const release = onAbort(this.#options.signal, () => this.#stop())
    try {
      // Does not reject. A handler that hangs must not keep `run` from ending.
      await withSignal(
        runInside(this, () => this.#feed()),
        this.#host.ended,
      ).catch(() => {})
    } finally {
      release()
      this.#stop()
      this.#parked.stop()
      deliveries.onChanged = undefined
      this.#giveBack()
      for (const delivery of this.#idle.splice(0)) delivery.close()
      this.#handOut.release(this)
    }
    if (this.#failure !== undefined) throw this.#failure
    if (this.#host.fatal !== undefined) throw this.#host.fatal
  }

  /** Of items that wait: those of a resumed partition continue, those of a moved or released one are dropped. */
  partitionChanged(partition: AssignedPartition): void {
    const work = this.#works.get(partition)
    if (work === undefined) return
    for (const item of work.keys.prune()) this.#room.leave(item)
    for (const item of [...this.#parked]) {
      if (item.owner === partition && !item.isValid) this.#drop(item)
    }
    if (partition.mayProcess || !partition.owned) {
      for (const item of work.held.splice(0)) this.#runnable.push(item)
    }
    if (!partition.owned) {
      this.#works.delete(partition)
      this.#full.delete(work)
    }
    this.#resume()
  }

  #stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    // Before an item is given back: the position must not move back while its partition has a batch out.
    this.#returnBatch(false)
    this.#handOut.wake()
    this.#wakeFeed()
  }

  get #isOver(): boolean {
    return this.#isStopped || !this.#handOut.isOpen
  }

  async #feed(): Promise<void> {
    for (let batch = await this.#next(); batch !== undefined; batch = await this.#next()) {
      this.#batch = batch
      await this.#deal(batch)
    }
    while (this.#running > 0) await this.#whenFreed()
  }

  async #next(): Promise<DeliveredBatch | undefined> {
    try {
      return await this.#handOut.next(this)
    } catch (error) {
      if (this.#failure === undefined) this.#failure = error
      else if (KafkaError.is(error) && error !== this.#host.fatal) this.#handOut.fail(error)
      this.#stop()
      return undefined
    }
  }

  /** Takes records from a batch until its end, or until its partition may not go on. */
  async #deal(batch: DeliveredBatch): Promise<void> {
    const work = this.#works.of(batch.owner)
    while (batch.current && !this.#isOver) {
      if (this.#running >= this.#options.limit || this.#runnable.size > 0) {
        await this.#whenFreed()
        continue
      }
      if (!this.#handOut.continues(batch, this)) {
        await this.#handOut.rest()
        continue
      }
      if (!work.hasRoom(this.#options.maxAhead) || !this.#room.hasRoom(work)) {
        this.#full.add(work)
        break
      }
      if (!this.#handOut.nextRecord(batch)) {
        this.#returnBatch(true)
        return
      }
      this.#take(batch, work)
    }
    this.#returnBatch(false)
  }

  #returnBatch(isWhole: boolean): void {
    const batch = this.#batch
    this.#batch = undefined
    if (batch === undefined) return
    if (isWhole) this.#handOut.finish(batch)
    else this.#handOut.putBack(batch)
  }

  #take(batch: DeliveredBatch, work: PartitionWork): void {
    const item = new KeyedItem(work, batch)
    Delivery.handWaiting(batch)
    work.took(item)
    if (!this.#isOrdered(item) || work.keys.add(item)) this.#start(item)
    else this.#room.enter(item)
  }

  #isOrdered(item: KeyedItem): boolean {
    return this.#options.by === 'key' && item.keyLength >= 0
  }

  /** Waits until the number of handlers or of items that may run has changed. */
  #whenFreed(): Promise<void> {
    this.#freed ??= deferred()
    return this.#freed.promise
  }

  #start(item: KeyedItem): void {
    const each = this.#options.each!
    const delivery = this.#idle.pop() ?? new Delivery('run', this.#handOut.deliveries)
    delivery.takeItem(item)
    item.begin()
    this.#running++
    try {
      const result = each(new Message(item, item), new ItemContext(item, this.#host.closing))
      if (isThenable(result)) {
        result.then(
          () => this.#succeeded(item, delivery),
          (error: unknown) => this.#failed(item, delivery, error),
        )
        return
      }
    } catch (error) {
      this.#failed(item, delivery, error)
      return
    }
    this.#succeeded(item, delivery)
  }

  #succeeded(item: KeyedItem, delivery: Delivery): void {
    const records = delivery.settle(this.#handOut.mark)
    this.#ended(item, delivery)
    this.#advance(item)
    this.#handOut.counted(records)
    this.#resume()
  }

  #failed(item: KeyedItem, delivery: Delivery, error: unknown): void {
    if (error instanceof Postponed) {
      this.#postpone(item, delivery, error.pauseMs)
      return
    }
    const { owner, era } = item
    const { attempts, retryIf, recovery } = this.#options
    item.attempts++
    const hasMoved = era !== owner.era
    const { isRetriable, thrown } = verdictOf(retryIf, error, item.attempts)
    const isLast = item.attempts >= attempts || !isRetriable || hasMoved
    if (isLast && owner.owned && thrown === undefined && recovery?.canRecover(isRetriable) === true) {
      void this.#recover(item, delivery, recovery, { error, isRetriable })
      return
    }
    this.#leave(item, delivery, {
      error,
      isLast,
      failure: () => handlerError(owner, item.offset, item.attempts, hasMoved, thrown ?? error),
    })
  }

  /** A record of a retry topic is not due yet. */
  #postpone(item: KeyedItem, delivery: Delivery, pauseMs: number): void {
    delivery.leave()
    this.#ended(item, delivery)
    if (!item.owner.owned) this.#advance(item)
    else if (this.#isOver || item.owner.revoking) this.#left.push(item)
    else this.#park(item, pauseMs)
    this.#resume()
  }

  /** Sends the record elsewhere, still in hand, so that a revocation waits for the acknowledgement. Does not reject. */
  async #recover(
    item: KeyedItem,
    delivery: Delivery,
    recovery: Recovery,
    failed: Pick<FailedItem, 'error' | 'isRetriable'>,
  ): Promise<void> {
    const { attempts, owner, offset } = item
    const messages = [new Message(item, item)]
    try {
      await recovery.recover({ ...failed, attempts, messages, signal: item.signal, onStored: () => {} })
    } catch (cause) {
      const { error } = failed
      const failure = () => unrecoveredError(owner, offset, attempts, error, cause)
      this.#leave(item, delivery, { error, isLast: true, failure })
      return
    }
    this.#succeeded(item, delivery)
  }

  /** The item is not processed: it is tried again, or the run ends. */
  #leave(
    item: KeyedItem,
    delivery: Delivery,
    { error, isLast, failure }: { error: unknown; isLast: boolean; failure: () => KafkaError },
  ): void {
    const { owner, offset } = item
    delivery.leave()
    this.#ended(item, delivery)
    if (!owner.owned) {
      this.#advance(item)
      this.#host.onLateFailure(owner, offset, error)
    } else if (isLast) {
      this.#left.push(item)
      if (this.#failure === undefined) this.#failure = failure()
      else this.#host.onFurtherFailure(failure())
      this.#stop()
    } else if (this.#isOver || owner.revoking) {
      this.#left.push(item)
      this.#host.onLateFailure(owner, offset, error)
    } else {
      const { backoff } = this.#options
      const pauseMs = backoffMs(this.#host.runtime, item.attempts, backoff)
      const { topic, partition } = owner
      this.#park(item, pauseMs)
      this.#host.onRetry({ topic, partition, offset, attempt: item.attempts, backoffMs: pauseMs, error })
    }
    this.#resume()
  }

  #ended(item: KeyedItem, delivery: Delivery): void {
    item.end()
    if (this.#isStopped) delivery.close()
    else this.#idle.push(delivery)
    this.#running--
    if (this.#running === 0) this.#handOut.wake()
  }

  /** The next one of its key may run. */
  #advance(item: KeyedItem): void {
    if (!this.#isOrdered(item)) return
    const next = item.work.keys.remove(item)
    if (next !== undefined) this.#runnable.push(next)
  }

  #drop(item: KeyedItem): void {
    this.#parked.delete(item)
    this.#room.leave(item)
    this.#advance(item)
  }

  #park(item: KeyedItem, pauseMs: number): void {
    this.#room.enter(item)
    this.#parked.add(item, pauseMs)
  }

  /** Starts what waited and may run, within the limit. Called whenever that may have changed. */
  #resume(): void {
    if (this.#isResuming) return
    if (this.#runnable.size === 0) {
      this.#wakeFeed()
      return
    }
    this.#isResuming = true
    void runInside(this, () => this.#runWaiting())
  }

  async #runWaiting(): Promise<void> {
    while (this.#runnable.size > 0 && this.#running < this.#options.limit && !this.#isOver) {
      if (!this.#handOut.hasTime()) {
        await this.#handOut.rest()
        continue
      }
      const item = this.#runnable.shift()
      if (item !== undefined) this.#startWaiting(item)
    }
    this.#isResuming = false
    this.#wakeFeed()
    this.#full.continueFree()
  }

  #wakeFeed(): void {
    this.#freed?.resolve()
    this.#freed = undefined
  }

  #startWaiting(item: KeyedItem): void {
    if (!item.isValid) this.#drop(item)
    else if (!item.owner.mayProcess) item.work.held.push(item)
    else {
      this.#room.leave(item)
      this.#start(item)
    }
  }

  /** The run has ended: what is undone is delivered again, to the next reader. */
  #giveBack(): void {
    this.#full.continueAll()
    const undone = [...this.#left, ...this.#parked, ...this.#works.clear()]
    for (let item = this.#runnable.shift(); item !== undefined; item = this.#runnable.shift()) undone.push(item)
    undone.sort((left, right) => left.offset - right.offset)
    for (const item of new Set(undone)) {
      if (item.isRunning || !item.isValid) continue
      item.owner.giveBack(item.offset, item.offset + 1)
    }
    this.#parked.clear()
  }
}

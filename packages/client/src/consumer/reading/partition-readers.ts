import { type Deferred, deferred } from '../../runtime/deferred.ts'
import { Queue } from '../../runtime/queue.ts'
import type { AnyMessage, Message, MessageBatch } from '../message.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { BatchReader } from './batch-reader.ts'
import { busyError, type HandOut } from './hand-out.ts'
import { MessageReader, type ReadOptions } from './message-reader.ts'
import { PartitionLoop } from './partition-loop.ts'

type CommitBatch = (batch: MessageBatch<AnyMessage>) => Promise<void>

/** One partition of a consumer, to be read independently of the others. It is read once: by messages or by batches. */
export class PartitionReader<M extends AnyMessage = Message> implements AsyncIterable<M> {
  readonly #handOut: HandOut
  readonly #loop: PartitionLoop
  readonly #commit: CommitBatch
  #isOpened = false

  /** @internal */
  constructor(handOut: HandOut, loop: PartitionLoop, commit: CommitBatch) {
    this.#handOut = handOut
    this.#loop = loop
    this.#commit = commit
  }

  get topic(): M['topic'] {
    return this.#loop.partition.topic
  }

  get partition(): number {
    return this.#loop.partition.partition
  }

  /** Aborts when the partition is revoked or lost, when processing exceeds `maxProcessingMs`, and on close. */
  get signal(): AbortSignal {
    return this.#loop.partition.signal
  }

  [Symbol.asyncIterator](): MessageReader<M> {
    return new MessageReader(this.#handOut, this.#opened())
  }

  /** Its record batches as written. */
  batches(): BatchReader<M> {
    return new BatchReader(this.#handOut, this.#commit, this.#opened())
  }

  #opened(): PartitionLoop {
    if (this.#isOpened) throw busyError()
    this.#isOpened = true
    return this.#loop
  }
}

/** Iterates over readers of single partitions. Each holds one batch, so that a slow one delays neither the others nor this iterator. */
export class PartitionReaders<M extends AnyMessage = Message> implements AsyncIterableIterator<PartitionReader<M>> {
  readonly #handOut: HandOut
  readonly #commit: CommitBatch
  readonly signal: AbortSignal | undefined
  readonly #loops = new Map<AssignedPartition, PartitionLoop>()
  readonly #fresh = new Queue<PartitionLoop>()
  #failure: { readonly error: unknown } | undefined
  #waiting: Deferred<void> | undefined
  #isStarted = false
  #isEnded = false

  /** @internal */
  constructor(handOut: HandOut, commit: CommitBatch, { signal }: ReadOptions) {
    this.#handOut = handOut
    this.#commit = commit
    this.signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** @internal */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** @internal */
  get hasWork(): boolean {
    for (const loop of this.#loops.values()) if (loop.isBusy) return true
    return false
  }

  /** The reader of the next partition that has records. */
  async next(): Promise<IteratorResult<PartitionReader<M>, undefined>> {
    if (this.#waiting !== undefined) throw busyError()
    if (!this.#isStarted && !this.#isEnded) this.#start()
    for (;;) {
      for (let loop = this.#fresh.shift(); loop !== undefined; loop = this.#fresh.shift()) {
        if (loop.isEnded) continue
        return { value: new PartitionReader<M>(this.#handOut, loop, this.#commit), done: false }
      }
      const failure = this.#failure
      this.#failure = undefined
      if (failure !== undefined) throw failure.error
      if (this.#isEnded) return { value: undefined, done: true }
      this.#waiting = deferred()
      await this.#waiting.promise
      this.#waiting = undefined
    }
  }

  /** Called by `break`: the readers of all partitions end, and what was not marked stays undone. */
  async return(): Promise<IteratorResult<PartitionReader<M>, undefined>> {
    this.#end()
    for (const loop of [...this.#loops.values()]) loop.end()
    return { value: undefined, done: true }
  }

  /** @internal */
  partitionChanged(partition: AssignedPartition): void {
    if (!partition.owned) this.#loops.get(partition)?.stop()
  }

  #start(): void {
    this.#handOut.acquire(this)
    this.#isStarted = true
    void this.#pump()
  }

  /** Gives each batch to the reader of its partition. Does not reject. */
  async #pump(): Promise<void> {
    const handOut = this.#handOut
    try {
      for (let batch = await handOut.next(this); batch !== undefined; batch = await handOut.next(this)) {
        if (this.#isEnded || !batch.current) handOut.putBack(batch)
        else this.#loopOf(batch.owner).give(batch)
      }
    } catch (error) {
      this.#failure = { error }
    }
    this.#end()
  }

  #loopOf(partition: AssignedPartition): PartitionLoop {
    let loop = this.#loops.get(partition)
    if (loop === undefined) {
      loop = new PartitionLoop(this.#handOut, partition, this.signal, () => void this.#loops.delete(partition))
      this.#loops.set(partition, loop)
      this.#fresh.push(loop)
      this.#waiting?.resolve()
    }
    return loop
  }

  /** No batch follows: items in hand may come to their end. */
  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    for (const loop of this.#loops.values()) loop.stop()
    this.#waiting?.resolve()
    if (this.#isStarted) this.#handOut.release(this)
  }
}

import type { Runtime, Timer } from '@ottla/runtime'
import { optionError } from '../../errors.ts'
import { checkNames } from '../../option-table.ts'
import { type AnyMessage, Message } from '../message.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { busyError, type HandOut } from './hand-out.ts'
import { HeldMessages } from './held-messages.ts'
import type { ReadOptions } from './message-reader.ts'

export interface CollectOptions extends ReadOptions {
  /** Maximum number of messages. Default 500. */
  readonly maxRecords?: number | undefined
  /** How long to wait for more after the first message, in ms. Default 1000. */
  readonly maxWaitMs?: number | undefined
}

export interface CollectorHost {
  readonly runtime: Runtime
  readonly handOut: HandOut
  /** What is collected is in hand. */
  readonly maxProcessingMs: number
}

const owner = 'consumer.collected()'

/**
 * Iterates over lists of messages of all partitions, for bulk inserts: each is full, or its first message has waited long enough. A list
 * that is still being collected loses the messages of a partition that is given up, so that a revocation does not wait for it.
 */
export class Collector<M extends AnyMessage = Message> implements AsyncIterableIterator<M[]> {
  readonly #runtime: Runtime
  readonly #handOut: HandOut
  readonly #held: HeldMessages
  readonly #maxRecords: number
  readonly #maxWaitMs: number
  readonly signal: AbortSignal | undefined
  /** Collected, and not in the application's hands yet. */
  #messages: M[] = []
  #timer: Timer | undefined
  /** The first message has waited long enough. */
  #isDue = false
  #isAcquired = false
  #isBusy = false
  #hasEnded = false

  /** @internal */
  constructor({ runtime, handOut, maxProcessingMs }: CollectorHost, options: CollectOptions) {
    const { maxRecords, maxWaitMs } = resolve(options, maxProcessingMs)
    this.#runtime = runtime
    this.#handOut = handOut
    this.#held = new HeldMessages(handOut, 'loop')
    this.#maxRecords = maxRecords
    this.#maxWaitMs = maxWaitMs
    this.signal = options.signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** @internal */
  get isEnded(): boolean {
    return this.#hasEnded || this.#isDue
  }

  /** Marks the messages before as processed, except in mode 'manual'. */
  async next(): Promise<IteratorResult<M[], undefined>> {
    if (this.#isBusy) throw busyError()
    if (this.#hasEnded) return { value: undefined, done: true }
    this.#isBusy = true
    try {
      if (!this.#isAcquired) this.#handOut.acquire(this)
      this.#isAcquired = true
      this.#held.settle()
      await this.#collect()
      const messages = this.#messages
      this.#messages = []
      // What was collected when the consumer began to close is delivered to the next one.
      if (messages.length > 0 && !this.#hasEnded && this.#handOut.isOpen) return { value: messages, done: false }
      this.#end()
      return { value: undefined, done: true }
    } catch (error) {
      this.#end()
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  /** Called by `break`: what of the messages was not marked stays undone. Ends a pending `next()`. */
  async return(): Promise<IteratorResult<M[], undefined>> {
    this.#end()
    return { value: undefined, done: true }
  }

  /** @internal */
  partitionChanged(partition: AssignedPartition): void {
    if (this.#isBusy && this.#held.isOutdated(partition)) this.revoking(partition)
  }

  /** @internal */
  revoking(partition: AssignedPartition): void {
    if (!this.#isBusy || !this.#held.undoOf(partition)) return
    this.#messages = this.#messages.filter((message) => Message.placeOf(message).batch.owner !== partition)
    if (this.#messages.length === 0) this.#stopTimer()
  }

  async #collect(): Promise<void> {
    const handOut = this.#handOut
    try {
      while (this.#messages.length < this.#maxRecords) {
        const batch = handOut.take(this) ?? (await handOut.next(this))
        if (batch === undefined) return
        if (this.#hasEnded) {
          handOut.putBack(batch)
          return
        }
        this.#held.take(batch, this.#messages, this.#maxRecords)
        if (this.#messages.length > 0) this.#startTimer()
      }
    } finally {
      this.#stopTimer()
    }
  }

  #startTimer(): void {
    this.#timer ??= this.#runtime.setTimer(() => {
      this.#isDue = true
      this.#handOut.wake()
    }, this.#maxWaitMs)
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#runtime.clearTimer(this.#timer)
    this.#timer = undefined
    this.#isDue = false
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#messages = []
    this.#stopTimer()
    this.#held.undo()
    if (this.#isAcquired) this.#handOut.release(this)
  }
}

function resolve(options: CollectOptions, maxProcessingMs: number): { maxRecords: number; maxWaitMs: number } {
  if (typeof options !== 'object' || options === null) throw optionError('options', owner, 'must be an object')
  checkNames(owner, ['maxRecords', 'maxWaitMs', 'signal'], options)
  const { maxRecords = 500, maxWaitMs = 1_000 } = options
  if (!Number.isSafeInteger(maxRecords) || maxRecords < 1)
    throw optionError('maxRecords', owner, 'must be an integer of at least 1')
  if (!(typeof maxWaitMs === 'number' && maxWaitMs >= 0))
    throw optionError('maxWaitMs', owner, 'must be milliseconds, 0 or more')
  if (maxWaitMs >= maxProcessingMs) {
    const hint = 'Collect for a shorter time: collected messages count as being processed.'
    throw optionError(
      'maxWaitMs',
      owner,
      `must be less than 'maxProcessingMs' of the consumer (${maxProcessingMs})`,
      hint,
    )
  }
  return { maxRecords, maxWaitMs }
}

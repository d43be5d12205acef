import type { AnyMessage, Message } from '../consumer/message.ts'
import { busyError } from '../consumer/reading/hand-out.ts'
import type { ReadOptions } from '../consumer/reading/message-reader.ts'
import { abortedError } from '../errors.ts'
import type { HeldRecord } from './held-record.ts'
import { Job, type JobActions, type JobOf } from './job.ts'
import type { Reading } from './reading.ts'

/**
 * Iterates over jobs. Requesting the next one accepts the previous one, unless something else was decided about it; `break` and an
 * exception in the loop release it.
 */
export class JobLoop<M extends AnyMessage = Message> implements AsyncIterableIterator<JobOf<M>> {
  /** @internal */
  readonly concurrency = 1
  /** @internal */
  readonly signal: AbortSignal | undefined
  readonly #reading: Reading
  readonly #actions: JobActions
  #record: HeldRecord | undefined
  #isAcquired = false
  #isBusy = false
  #isEnded = false

  /** @internal */
  constructor(reading: Reading, actions: JobActions, { signal }: ReadOptions) {
    this.#reading = reading
    this.#actions = actions
    this.signal = signal
  }

  /** @internal */
  get isEnded(): boolean {
    return this.#isEnded
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<JobOf<M>, undefined>> {
    if (this.#isBusy) throw busyError()
    if (this.#isEnded) return { value: undefined, done: true }
    this.#isBusy = true
    try {
      if (!this.#isAcquired) this.#reading.acquire(this)
      this.#isAcquired = true
      this.#settle('accept')
      const record = await this.#take()
      if (record === undefined) {
        this.#end()
        return { value: undefined, done: true }
      }
      this.#record = record
      return { value: new Job<M>(record, this.#actions) as JobOf<M>, done: false }
    } catch (error) {
      this.#end()
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  /** Called by `break`. Ends a pending `next()`. */
  async return(): Promise<IteratorResult<JobOf<M>, undefined>> {
    this.#end()
    return { value: undefined, done: true }
  }

  /** The job in hand is renewed by the application; those that wait behind it, as long as its lock holds. @internal */
  atHalfTime(record: HeldRecord): 'renew' | 'release' | 'keep' {
    if (record.handedAtMs !== undefined) return 'keep'
    const isStuck = this.#record !== undefined && this.#record.lost !== undefined
    return isStuck ? 'release' : 'renew'
  }

  async #take(): Promise<HeldRecord | undefined> {
    for (;;) {
      if (this.signal?.aborted === true) throw abortedError('Reading', this.signal)
      const record = this.#reading.take(this)
      if (record !== undefined) return record
      if (this.#isEnded || !this.#reading.isOpen) return undefined
      await this.#reading.wait()
    }
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#settle('release')
    if (this.#isAcquired) this.#reading.release(this)
  }

  /** What was not decided. The broker's response is not awaited: a failure is an event. */
  #settle(kind: 'accept' | 'release'): void {
    const record = this.#record
    this.#record = undefined
    if (record !== undefined) this.#actions.settle(record, kind)
  }
}

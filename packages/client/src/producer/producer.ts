import type { CloseOptions } from '../call-options.ts'
import { abortedError, closedError, KafkaError } from '../errors.ts'
import { deferred } from '../runtime/deferred.ts'
import { waitAtMost, withSignal } from '../runtime/wait.ts'
import { Accumulator } from './accumulator.ts'
import type { SpaceWaiter } from './buffer-space.ts'
import { EnqueueCall, type OnSettled, SendMany, SendOne } from './calls.ts'
import { type ProducerOptions, type ResolvedProducerOptions, resolveProducerOptions } from './options.ts'
import { PendingSend } from './pending-send.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import type { Receipt } from './receipt.ts'
import { checkRecord, type ProducerRecord } from './record-input.ts'

export interface SendOptions {
  /** Effective until the records are in the buffer: a record in a batch cannot be withdrawn. */
  readonly signal?: AbortSignal | undefined
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
}

const closeTimeoutMs = 10_000

/**
 * Sends records. Created by `kafka.producer()`; opens nothing before the first record. Records of one partition are stored in the
 * order of the calls; with idempotence (the default) retries do not change it.
 */
export class Producer {
  readonly #accumulator: Accumulator
  readonly #cluster: ProducerCluster
  readonly #onClosed: () => void
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(cluster: ProducerCluster, options?: ProducerOptions, onClosed: () => void = () => {}) {
    const resolved = resolveProducerOptions(options, cluster.options.requestTimeoutMs)
    this.#cluster = cluster
    this.#onClosed = onClosed
    this.#accumulator = new Accumulator(cluster, resolved)
  }

  get options(): ResolvedProducerOptions {
    return this.#accumulator.options
  }

  /** Bytes accepted and not settled. */
  get bufferedBytes(): number {
    return this.#accumulator.bufferedBytes
  }

  /**
   * Sends a record, or an array of records: resolves when they are acknowledged. Calls wait for buffer space in their order. An
   * array rejects with a SendError that has the receipt or the error of each record. With an invalid record (INVALID_ARGUMENT) no
   * record of the array is accepted.
   */
  send(record: ProducerRecord, options?: SendOptions): Promise<Receipt>
  send(records: readonly ProducerRecord[], options?: SendOptions): Promise<Receipt[]>
  send(
    input: ProducerRecord | readonly ProducerRecord[],
    options: SendOptions = {},
  ): Promise<Receipt> | Promise<Receipt[]> {
    try {
      if (isList(input)) return this.#sendMany(input, options.signal)
      return this.#sendOne(input, options.signal)
    } catch (error) {
      return Promise.reject<never>(error)
    }
  }

  #sendOne(record: ProducerRecord, signal: AbortSignal | undefined): Promise<Receipt> {
    checkRecord(record, -1)
    this.#checkOpen(signal)
    const call = new SendOne()
    const accumulator = this.#accumulator
    const { space, barrier } = accumulator
    if (accumulator.hasSpace && !space.isUnderBackpressure) accumulator.add(record, call, 0, barrier.current)
    else new PendingSend(accumulator, [record], call, signal).begin()
    return call.promise
  }

  #sendMany(records: readonly ProducerRecord[], signal: AbortSignal | undefined): Promise<Receipt[]> {
    for (let position = 0; position < records.length; position++) checkRecord(records[position]!, position)
    this.#checkOpen(signal)
    const call = new SendMany(records.length)
    new PendingSend(this.#accumulator, records, call, signal).begin()
    return call.promise
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.#closed !== undefined) throw closedError('producer', 'not-written')
    if (signal?.aborted) throw abortedError('Sending', signal, 'not-written')
  }

  /**
   * Accepts a record without a promise: the fastest way. Returns true, or false when the buffer is full with this record: then
   * await `room()` before the next. Throws BUFFER_FULL if it was full before, INVALID_ARGUMENT, MESSAGE_TOO_LARGE, CLOSED.
   * `onSettled` is called once, with an error or a receipt; without it a failure is only visible in the metrics.
   */
  enqueue(record: ProducerRecord, onSettled?: OnSettled): boolean {
    checkRecord(record, -1)
    const accumulator = this.#accumulator
    if (this.#closed !== undefined) throw closedError('producer', 'not-written')
    if (!accumulator.hasSpace || accumulator.space.isUnderBackpressure) throw bufferFull(this.options.maxBufferedBytes)
    const call = onSettled === undefined ? undefined : new EnqueueCall(onSettled)
    accumulator.add(record, call, 0, accumulator.barrier.current)
    return accumulator.hasSpace
  }

  /** Resolves when `enqueue` may be called again. */
  async room(options: WaitOptions = {}): Promise<void> {
    const accumulator = this.#accumulator
    const { space } = accumulator
    if (this.#closed !== undefined) throw closedError('producer')
    if (accumulator.hasSpace && !space.isUnderBackpressure) return
    const { promise, resolve, reject } = deferred<void>()
    const waiter: SpaceWaiter = {
      deadlineMs: this.#cluster.runtime.monoNow() + this.options.deliveryTimeoutMs,
      proceed: () => {
        resolve()
        return true
      },
      refuse: reject,
    }
    space.wait(waiter)
    accumulator.wakeBy(waiter.deadlineMs)
    accumulator.endLingers()
    try {
      await unlessAborted('Waiting for buffer space', promise, options.signal)
    } catch (error) {
      space.leave(waiter)
      // A smaller call may have waited behind it.
      space.release()
      throw error
    }
  }

  /** Resolves when all records accepted or waiting before the call are settled, acknowledged or failed. */
  flush(options: WaitOptions = {}): Promise<void> {
    return unlessAborted('Flushing', this.#accumulator.flush(), options.signal)
  }

  /**
   * Accepts no more records, waits up to `timeoutMs` for those in the buffer, and rejects the rest with CLOSED and their outcome, as
   * far as it is known. Idempotent.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options.timeoutMs ?? closeTimeoutMs).finally(this.#onClosed)
    return this.#closed
  }

  async #close(timeoutMs: number): Promise<void> {
    const { runtime } = this.#cluster
    await waitAtMost(runtime, timeoutMs, this.#accumulator.flush())
    this.#accumulator.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function isList(input: ProducerRecord | readonly ProducerRecord[]): input is readonly ProducerRecord[] {
  return Array.isArray(input)
}

function bufferFull(maxBufferedBytes: number): KafkaError {
  return new KafkaError('BUFFER_FULL', `The producer's buffer is full (maxBufferedBytes ${maxBufferedBytes})`, {
    retriable: true,
    outcome: 'not-written',
    hint: 'Await producer.room() when enqueue() has returned false.',
  })
}

async function unlessAborted(
  operation: string,
  promise: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await withSignal(promise, signal)
  } catch (error) {
    throw signal?.aborted === true && !KafkaError.is(error) ? abortedError(operation, signal) : error
  }
}

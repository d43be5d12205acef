import type { CloseOptions } from '../call-options.ts'
import { type SendStarted, sendChannels } from '../diagnostics.ts'
import { abortedError, closedError, KafkaError } from '../errors.ts'
import { deferred } from '../runtime/deferred.ts'
import { onAbort, waitAtMost, withSignal } from '../runtime/wait.ts'
import { Accumulator } from './accumulator.ts'
import type { SpaceWaiter } from './buffer-space.ts'
import { EnqueueCall, type OnSettled, SendMany, SendOne } from './calls.ts'
import { EntryList } from './entry-list.ts'
import type { ProducerEventMap } from './events.ts'
import type { TransactionPolicy } from './identity.ts'
import { intercept, type ProducerInterceptor } from './interceptors.ts'
import { type ResolvedProducerOptions, signalOf } from './options.ts'
import { PendingSend } from './pending-send.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import type { Receipt } from './receipt.ts'
import { type ProducerRecord, RecordEntry, unreadableInput } from './record-input.ts'
import { RoomTurns } from './room-turns.ts'

export interface SendOptions {
  /**
   * Takes back what was never sent: such a record leaves its batch, is in no log, and rejects with ABORTED. Without effect for a record
   * that was sent once.
   */
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
  readonly #turns: RoomTurns
  /** For the record of each call. Undefined during a call: a getter or a partitioner may send another record. */
  #entry: RecordEntry | undefined = new RecordEntry()
  /** The same for the records of an array. */
  #list: EntryList | undefined = new EntryList()
  /** Undefined: none has an `onSend`. */
  readonly #interceptors: readonly ProducerInterceptor[] | undefined
  /** The size of the last enqueued record. */
  #enqueuedBytes = 1
  /** `enqueue` has returned false since the last call of `room`. */
  #reportedFull = false
  /** Calls of `room` that wait. */
  #waitingForRoom = 0
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(
    cluster: ProducerCluster,
    resolved: ResolvedProducerOptions,
    onClosed: () => void = () => {},
    transaction?: TransactionPolicy,
  ) {
    this.#cluster = cluster
    this.#onClosed = onClosed
    this.#accumulator = new Accumulator(cluster, resolved, transaction)
    this.#turns = new RoomTurns(resolved.deliveryTimeoutMs)
    const { interceptors } = resolved
    this.#interceptors = interceptors.some(({ onSend }) => onSend !== undefined) ? interceptors : undefined
  }

  get options(): ResolvedProducerOptions {
    return this.#accumulator.options
  }

  /** Bytes accepted and not settled, as they count towards `maxBufferedBytes`. */
  get bufferedBytes(): number {
    return this.#accumulator.bufferedBytes
  }

  /**
   * Sends a record, or an array of records: resolves when they are acknowledged. Nothing of them is read after the call. Calls wait
   * for buffer space in their order; when records of another `maxBufferedBytes` wait already, further calls reject with BUFFER_FULL.
   * An array rejects with a SendError that has the receipt or the error of each record. With an invalid record (INVALID_ARGUMENT)
   * no record of the array is accepted.
   */
  send(record: ProducerRecord, options?: SendOptions): Promise<Receipt>
  send(records: readonly ProducerRecord[], options?: SendOptions): Promise<Receipt[]>
  send(
    input: ProducerRecord | readonly ProducerRecord[],
    options?: SendOptions,
  ): Promise<Receipt> | Promise<Receipt[]> {
    if (!sendChannels.active) return this.#send(input, options)
    return this.#publish<Receipt | Receipt[]>(input, () => this.#send(input, options)) as Promise<Receipt>
  }

  #send(
    input: ProducerRecord | readonly ProducerRecord[],
    options: SendOptions | undefined,
  ): Promise<Receipt> | Promise<Receipt[]> {
    try {
      const signal = signalOf('producer.send()', options)
      if (isList(input)) return this.#sendMany(input, signal)
      return this.#sendOne(input, signal)
    } catch (error) {
      return Promise.reject<never>(KafkaError.is(error) ? error : unreadableInput(error))
    }
  }

  /** Publishes the start and the end of a call of `send`. The end comes before the caller continues. */
  #publish<T>(input: ProducerRecord | readonly ProducerRecord[], send: () => Promise<T>): Promise<T> {
    const { runtime, options } = this.#cluster
    const startedMs = runtime.monoNow()
    const { name: producer } = this.#accumulator.observer
    const message = sendChannels.create({ clientId: options.clientId, producer, ...describeInput(input) })
    sendChannels.start(message)
    const end = (error: unknown) => sendChannels.end(message, { durationMs: runtime.monoNow() - startedMs, error })
    return send().then(
      (result) => {
        end(undefined)
        return result
      },
      (error) => {
        end(error)
        throw error
      },
    )
  }

  #sendOne(record: ProducerRecord, signal: AbortSignal | undefined): Promise<Receipt> {
    const accumulator = this.#accumulator
    const entry = this.#takeEntry()
    try {
      entry.read(this.#intercepted(record), -1, this.#cluster.runtime)
      this.#checkOpen(signal)
      accumulator.measure(entry)
      const call = new SendOne()
      if (signal !== undefined) this.#withdrawOnAbort(call, signal)
      if (accumulator.isFree) accumulator.add(entry, call, 0, accumulator.barrier.current)
      else new PendingSend(accumulator, [entry], call, signal).begin()
      return call.promise
    } finally {
      this.#entry = entry
    }
  }

  #sendMany(records: readonly ProducerRecord[], signal: AbortSignal | undefined): Promise<Receipt[]> {
    const list = this.#list ?? new EntryList()
    this.#list = undefined
    try {
      const entries = list.read(records, this.#cluster.runtime, this.#intercepted)
      this.#checkOpen(signal)
      const call = new SendMany(entries.length)
      if (signal !== undefined) this.#withdrawOnAbort(call, signal)
      new PendingSend(this.#accumulator, entries, call, signal).begin()
      return call.promise
    } finally {
      list.clear()
      this.#list = list
    }
  }

  #withdrawOnAbort(call: SendOne | SendMany, signal: AbortSignal): void {
    call.batches = []
    const release = onAbort(signal, () => {
      this.#accumulator.withdraw(call, abortedError('Sending', signal, 'not-written'))
    })
    const settled: Promise<unknown> = call.promise
    settled.then(release, release)
  }

  #takeEntry(): RecordEntry {
    const entry = this.#entry ?? new RecordEntry()
    this.#entry = undefined
    return entry
  }

  readonly #intercepted = (record: ProducerRecord): ProducerRecord => {
    if (this.#interceptors === undefined) return record
    // Interceptors see no record that is certainly refused.
    this.#checkOpen(undefined)
    return intercept(this.#interceptors, record)
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.#closed !== undefined) throw closedError('producer', 'not-written')
    if (signal?.aborted) throw abortedError('Sending', signal, 'not-written')
  }

  /**
   * Accepts a record without a promise: the fastest way. Returns true, or false when the buffer is full with this record: then
   * await `room()` before the next. What is wrong at the call throws, and `onSettled` is not called: INVALID_ARGUMENT,
   * MESSAGE_TOO_LARGE, CLOSED, and BUFFER_FULL if it is called in place of `room()`. Everything else
   * is reported by `onSettled`, which is called once, later, with an error or a receipt; without it a failure is only visible in
   * the metrics.
   */
  enqueue(record: ProducerRecord, onSettled?: OnSettled): boolean {
    if (onSettled !== undefined && typeof onSettled !== 'function') throw notCallable(onSettled)
    const entry = this.#takeEntry()
    try {
      return this.#enqueue(entry, record, onSettled)
    } finally {
      this.#entry = entry
    }
  }

  #enqueue(entry: RecordEntry, record: ProducerRecord, onSettled: OnSettled | undefined): boolean {
    const accumulator = this.#accumulator
    entry.read(this.#intercepted(record), -1, this.#cluster.runtime)
    if (this.#closed !== undefined) throw closedError('producer', 'not-written')
    accumulator.measure(entry)
    if (!accumulator.isFree && !this.#mayExceed()) throw bufferFull(this.options.maxBufferedBytes)
    const call = onSettled === undefined ? undefined : new EnqueueCall(onSettled)
    this.#enqueuedBytes = entry.sizeBound
    accumulator.add(entry, call, 0, accumulator.barrier.current)
    this.#reportedFull = !accumulator.isFree
    return !this.#reportedFull
  }

  /**
   * The buffer is full. A caller that has no turn may not have been informed: while the others wait in `room()`, this is so, and its
   * record returns false. Up to another `maxBufferedBytes`, for callers that do not await `room()`.
   */
  #mayExceed(): boolean {
    if (this.#turns.take(this.#cluster.runtime.monoNow())) return true
    if (this.#reportedFull || this.#waitingForRoom === 0) return false
    return this.#accumulator.bufferedBytes < 2 * this.options.maxBufferedBytes
  }

  /**
   * Resolves when there is buffer space, in the order of the calls, and reserves a turn: one later `enqueue` does not throw
   * BUFFER_FULL, whatever other callers have enqueued meanwhile. A turn ends unused `deliveryTimeoutMs` later at the earliest.
   */
  async room(options?: WaitOptions): Promise<void> {
    const signal = signalOf('producer.room()', options)
    const accumulator = this.#accumulator
    const { space } = accumulator
    const { runtime } = this.#cluster
    if (this.#closed !== undefined) throw closedError('producer')
    this.#reportedFull = false
    if (accumulator.isFree) {
      this.#turns.grant(runtime.monoNow())
      return
    }
    const { promise, resolve, reject } = deferred<void>()
    const waiter: SpaceWaiter = {
      deadlineMs: runtime.monoNow() + this.options.deliveryTimeoutMs,
      reservedBytes: this.#enqueuedBytes,
      proceed: () => {
        this.#turns.grant(runtime.monoNow())
        resolve()
        return true
      },
      refuse: reject,
    }
    space.wait(waiter)
    this.#waitingForRoom++
    accumulator.wakeBy(waiter.deadlineMs)
    accumulator.endLingers()
    try {
      await unlessAborted('Waiting for buffer space', promise, signal)
    } catch (error) {
      space.leave(waiter)
      // A smaller call may have waited behind it.
      space.release()
      throw error
    } finally {
      this.#waitingForRoom--
    }
  }

  /** Resolves when all records accepted or waiting before the call are settled, acknowledged or failed. */
  async flush(options?: WaitOptions): Promise<void> {
    const signal = signalOf('producer.flush()', options)
    await unlessAborted('Flushing', this.#accumulator.flush(), signal)
  }

  /** @internal Resolves when no request of it is in flight. */
  drained(): Promise<void> {
    return this.#accumulator.drained()
  }

  /** Calls the listener at each event of this kind. */
  on<E extends keyof ProducerEventMap>(event: E, listener: ProducerEventMap[E]): this {
    this.#accumulator.observer.events.on(event, listener)
    return this
  }

  once<E extends keyof ProducerEventMap>(event: E, listener: ProducerEventMap[E]): this {
    this.#accumulator.observer.events.once(event, listener)
    return this
  }

  off<E extends keyof ProducerEventMap>(event: E, listener: ProducerEventMap[E]): this {
    this.#accumulator.observer.events.off(event, listener)
    return this
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

/** What is wrong with the input is reported when it is read. */
function describeInput(input: ProducerRecord | readonly ProducerRecord[]): Pick<SendStarted, 'records' | 'topic'> {
  try {
    const topic: unknown = (isList(input) ? input[0] : input)?.topic
    return { records: isList(input) ? input.length : 1, topic: typeof topic === 'string' ? topic : undefined }
  } catch {
    return { records: 0, topic: undefined }
  }
}

function notCallable(given: unknown): KafkaError {
  const problem = `'onSettled' of producer.enqueue() must be a function, not a ${typeof given}`
  return new KafkaError('INVALID_ARGUMENT', problem, { outcome: 'not-written' })
}

function bufferFull(maxBufferedBytes: number): KafkaError {
  return new KafkaError('BUFFER_FULL', `The producer's buffer is full (maxBufferedBytes ${maxBufferedBytes})`, {
    retriable: true,
    outcome: 'not-written',
    hint: 'Await producer.room() after enqueue() has returned false.',
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

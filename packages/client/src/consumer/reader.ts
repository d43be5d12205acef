import { KafkaError } from '../errors.ts'
import type { Cursor } from './cursor.ts'
import type { FetchedBatch } from './fetched-batch.ts'
import { Message, MessageBatch } from './message.ts'

/** What readers use of the consumer. */
export interface ReaderHost {
  /** Whether `next()` marks the previous item as processed. */
  readonly mark: boolean
  /** Registers the only reader. Throws CONSUMER_BUSY. */
  acquire(reader: object, signal: AbortSignal | undefined): void
  release(reader: object): void
  /** Waits for the next batch; undefined when the consumer is closed. Rejects with a fatal error. */
  nextBatch(signal: AbortSignal | undefined): Promise<FetchedBatch<Cursor> | undefined>
  take(): FetchedBatch<Cursor> | undefined
  finish(batch: FetchedBatch<Cursor>): void
  putBack(batch: FetchedBatch<Cursor>): void
  corrupt(batch: FetchedBatch<Cursor>, cause: unknown): void
  /** False when the time slice is used up: call `pause`, so that timers and sockets can run. */
  slice(): boolean
  pause(): Promise<void>
  /** Items were processed. */
  counted(items: number): void
  commitBatch(batch: MessageBatch): Promise<void>
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined
}

const busyHint = 'Await each next() before the next one, and end one loop before the next begins.'

export function busyError(): KafkaError {
  return new KafkaError('CONSUMER_BUSY', 'The consumer already has an active reader', { hint: busyHint })
}

/**
 * Iterates over messages. Not an async generator, so that a buffered message costs one settled promise and no microtask
 * hop.
 */
export class MessageReader implements AsyncIterableIterator<Message> {
  readonly #host: ReaderHost
  readonly #signal: AbortSignal | undefined
  #batch: FetchedBatch<Cursor> | undefined
  /** The end offset of the message that the application has; -1 without one. */
  #handEnd = -1
  #busy = false
  #acquired = false
  #ended = false

  /** @internal */
  constructor(host: ReaderHost, { signal }: ReadOptions) {
    this.#host = host
    this.#signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#busy) return Promise.reject(busyError())
    const batch = this.#batch
    if (batch === undefined) return this.#nextBatch()
    if (this.#handEnd >= 0) this.#settle(batch)
    return this.#ready(batch) ?? this.#nextBatch()
  }

  /** The next message, if it is buffered. */
  #ready(first: FetchedBatch<Cursor>): Promise<IteratorResult<Message, undefined>> | undefined {
    const host = this.#host
    for (let batch: FetchedBatch<Cursor> | undefined = first; batch?.current === true && host.slice(); ) {
      try {
        if (batch.next()) return Promise.resolve({ value: this.#give(batch), done: false })
      } catch (cause) {
        host.corrupt(batch, cause)
      }
      host.finish(batch)
      batch = host.take()
      this.#batch = batch
    }
    return undefined
  }

  /** Called by `break`: the current message stays unprocessed, and the next reader starts with it. */
  async return(): Promise<IteratorResult<Message, undefined>> {
    this.#end()
    return { value: undefined, done: true }
  }

  #give(batch: FetchedBatch<Cursor>): Message {
    const { cursor } = batch
    const end = batch.offset + 1
    cursor.position = end
    cursor.handedEnd = end
    cursor.inHand++
    this.#handEnd = end
    return new Message(batch, batch.records)
  }

  #settle(batch: FetchedBatch<Cursor>): void {
    const { cursor } = batch
    if (this.#host.mark && batch.assignmentEpoch === cursor.assignmentEpoch) {
      cursor.markDone(this.#handEnd, batch.leaderEpoch)
      this.#host.counted(1)
    }
    this.#handEnd = -1
    cursor.release(1)
  }

  async #nextBatch(): Promise<IteratorResult<Message, undefined>> {
    if (this.#ended) return { value: undefined, done: true }
    this.#busy = true
    try {
      if (!this.#acquired) this.#host.acquire(this, this.#signal)
      this.#acquired = true
      for (;;) {
        if (!this.#host.slice()) await this.#host.pause()
        const batch = await this.#current()
        if (batch === undefined) {
          this.#end()
          return { value: undefined, done: true }
        }
        try {
          if (batch.next()) return { value: this.#give(batch), done: false }
        } catch (cause) {
          this.#host.corrupt(batch, cause)
        }
        this.#host.finish(batch)
        this.#batch = undefined
      }
    } catch (error) {
      this.#end()
      throw error
    } finally {
      this.#busy = false
    }
  }

  async #current(): Promise<FetchedBatch<Cursor> | undefined> {
    if (this.#batch?.current === true) return this.#batch
    if (this.#batch !== undefined) this.#host.putBack(this.#batch)
    this.#batch = undefined
    this.#batch = await this.#host.nextBatch(this.#signal)
    return this.#batch
  }

  #end(): void {
    const batch = this.#batch
    this.#batch = undefined
    this.#ended = true
    if (batch !== undefined) {
      const { cursor } = batch
      if (this.#handEnd >= 0) {
        if (batch.assignmentEpoch === cursor.assignmentEpoch) undo(batch, this.#handEnd - 1)
        cursor.release(1)
      }
      this.#handEnd = -1
      this.#host.putBack(batch)
    }
    if (this.#acquired) this.#host.release(this)
    this.#acquired = false
  }
}

/** Iterates over record batches as written. */
export class BatchReader implements AsyncIterableIterator<MessageBatch> {
  readonly #host: ReaderHost
  readonly #signal: AbortSignal | undefined
  #batch: FetchedBatch<Cursor> | undefined
  #first = 0
  #busy = false
  #acquired = false
  #ended = false

  /** @internal */
  constructor(host: ReaderHost, { signal }: ReadOptions) {
    this.#host = host
    this.#signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<MessageBatch, undefined>> {
    if (this.#busy) throw busyError()
    if (this.#ended) return { value: undefined, done: true }
    this.#busy = true
    try {
      if (!this.#acquired) this.#host.acquire(this, this.#signal)
      this.#acquired = true
      this.#settle()
      if (!this.#host.slice()) await this.#host.pause()
      const batch = this.#host.take() ?? (await this.#host.nextBatch(this.#signal))
      if (batch === undefined) {
        this.#end()
        return { value: undefined, done: true }
      }
      this.#batch = batch
      this.#first = batch.firstOffset
      handOut(batch)
      return { value: new MessageBatch(batch, (own) => this.#host.commitBatch(own)), done: false }
    } catch (error) {
      this.#end()
      throw error
    } finally {
      this.#busy = false
    }
  }

  async return(): Promise<IteratorResult<MessageBatch, undefined>> {
    this.#end()
    return { value: undefined, done: true }
  }

  #settle(): void {
    const batch = this.#batch
    if (batch === undefined) return
    this.#batch = undefined
    settleBatch(this.#host, batch)
  }

  #end(): void {
    const batch = this.#batch
    this.#batch = undefined
    this.#ended = true
    if (batch !== undefined) {
      if (batch.assignmentEpoch === batch.cursor.assignmentEpoch) undo(batch, this.#first)
      batch.cursor.release(1)
      this.#host.putBack(batch)
    }
    if (this.#acquired) this.#host.release(this)
    this.#acquired = false
  }
}

/** Delivers the whole batch to the application. */
export function handOut(batch: FetchedBatch<Cursor>): void {
  const { cursor, end } = batch
  cursor.position = end
  cursor.handedEnd = end
  cursor.inHand++
}

/** The application has processed the batch. */
export function settleBatch(host: ReaderHost, batch: FetchedBatch<Cursor>): void {
  const { cursor } = batch
  if (host.mark && batch.assignmentEpoch === cursor.assignmentEpoch) {
    cursor.markDone(batch.end, batch.leaderEpoch)
    host.counted(batch.batch.recordCount)
  }
  host.finish(batch)
  cursor.release(1)
}

/** Records from `offset` on are delivered again. */
export function undo({ cursor }: FetchedBatch<Cursor>, offset: number): void {
  if (cursor.done > offset) return
  cursor.position = offset
  cursor.handedEnd = offset
}

export interface PollOptions {
  /** Maximum number of messages. Default 500. */
  readonly maxRecords?: number | undefined
  /** How long to wait for the first message, in ms; resolves to [] on timeout. Default 1000. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** The messages of one partition that `poll` returned; the next poll marks them as processed. */
export interface PollHand {
  readonly batch: FetchedBatch<Cursor>
  readonly first: number
  end: number
}

/** Takes buffered messages, at most `maxRecords`, and records them in `hands`. */
export function takeMessages(
  host: ReaderHost,
  first: FetchedBatch<Cursor>,
  maxRecords: number,
  hands: PollHand[],
): Message[] {
  const messages: Message[] = []
  for (let batch: FetchedBatch<Cursor> | undefined = first; batch !== undefined; batch = host.take()) {
    const whole = takeFrom(host, batch, maxRecords, messages, hands)
    if (whole) host.finish(batch)
    else host.putBack(batch)
    if (messages.length >= maxRecords) break
  }
  return messages
}

function takeFrom(
  host: ReaderHost,
  batch: FetchedBatch<Cursor>,
  maxRecords: number,
  messages: Message[],
  hands: PollHand[],
): boolean {
  const { cursor } = batch
  const start = messages.length
  let first = -1
  let whole = false
  try {
    while (messages.length < maxRecords) {
      whole = !batch.next()
      if (whole) break
      if (first < 0) first = batch.offset
      messages.push(new Message(batch, batch.records))
    }
  } catch (cause) {
    host.corrupt(batch, cause)
  }
  if (messages.length === start || batch.assignmentEpoch !== cursor.assignmentEpoch) return whole
  const end = batch.baseOffset + lastDelta(messages.at(-1)!, batch) + 1
  cursor.position = end
  cursor.handedEnd = end
  const known = hands.find((hand) => hand.batch.cursor === cursor)
  if (known !== undefined) known.end = end
  else {
    cursor.inHand++
    hands.push({ batch, first, end })
  }
  return whole
}

function lastDelta(message: Message, batch: FetchedBatch<Cursor>): number {
  return Message.placeOf(message).end - 1 - batch.baseOffset
}

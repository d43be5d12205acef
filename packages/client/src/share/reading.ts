import { busyError } from '../consumer/reading/hand-out.ts'
import { abortedError, type KafkaError } from '../errors.ts'
import { onAbort } from '../runtime/wait.ts'
import type { HeldRecord } from './held-record.ts'
import type { Inbox } from './inbox.ts'

/** One loop, or one `run`. */
export interface JobReader {
  /** How many records it may have in hand. */
  readonly concurrency: number
  readonly signal: AbortSignal | undefined
  readonly isEnded: boolean
  /** What to do with a lock when half of it is over; `record` is in hand or waits. */
  atHalfTime(record: HeldRecord, nowMs: number): 'renew' | 'release' | 'keep'
}

export interface ReadingHost {
  readonly inbox: Inbox
  readonly fatal: KafkaError | undefined
  readonly isOpen: boolean
  nowMs(): number
  /** Joins the group. Throws when the consumer failed or is closed. */
  start(): void
  /** A reader came or went: fetching begins, or ends. */
  changed(): void
  handedOut(): void
}

/** The one path from acquired records to the application: there is one reader at a time. */
export class Reading {
  readonly #host: ReadingHost
  #reader: JobReader | undefined
  #releaseSignal: (() => void) | undefined

  constructor(host: ReadingHost) {
    this.#host = host
  }

  get reader(): JobReader | undefined {
    return this.#reader
  }

  /** Throws CONSUMER_BUSY, ABORTED, or why the consumer cannot read. */
  acquire(reader: JobReader): void {
    if (this.#reader !== undefined) throw busyError()
    if (reader.signal?.aborted === true) throw abortedError('Reading', reader.signal)
    this.#host.start()
    this.#reader = reader
    this.#releaseSignal = onAbort(reader.signal, () => this.#host.inbox.wake())
    this.#host.changed()
  }

  release(reader: JobReader): void {
    if (this.#reader !== reader) return
    this.#reader = undefined
    this.#releaseSignal?.()
    this.#releaseSignal = undefined
    this.#host.inbox.wake()
    this.#host.changed()
  }

  /** Throws why the consumer failed. */
  check(): void {
    if (this.#host.fatal !== undefined) throw this.#host.fatal
  }

  /** The next record without waiting. Throws like `check`. */
  take(reader: JobReader): HeldRecord | undefined {
    this.check()
    if (!this.#host.isOpen || reader.isEnded) return undefined
    const record = this.#host.inbox.take(this.#host.nowMs())
    if (record !== undefined) this.#host.handedOut()
    return record
  }

  get isOpen(): boolean {
    return this.#host.isOpen
  }

  /** Resolves at the next change. */
  wait(): Promise<void> {
    return this.#host.inbox.wait()
  }

  wake(): void {
    this.#host.inbox.wake()
  }
}

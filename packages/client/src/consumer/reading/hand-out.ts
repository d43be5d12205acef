import { abortedError, KafkaError } from '../../errors.ts'
import type { Counter } from '../../metrics.ts'
import { onAbort } from '../../runtime/wait.ts'
import type { Prefetch } from '../fetching/prefetch.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { type DeliveredBatch, Deliveries } from './delivery.ts'
import type { TimeSlice } from './time-slice.ts'

/** One loop, one `run` or one call of `poll`. */
export interface Reader {
  /** Its own end: `return()` during a pending `next()`, or the stop of a run. */
  readonly isEnded: boolean
  readonly signal: AbortSignal | undefined
  /** The partition was resumed, moved or given up. */
  partitionChanged?(partition: AssignedPartition): void
}

export interface HandOutHost {
  /** Joins the group if the consumer is not in it. Throws when it failed or is closed. */
  start(): void
  /** Why no record is delivered any more. */
  readonly fatal: KafkaError | undefined
  readonly isOpen: boolean
  readonly slice: TimeSlice
  /** Automatic commits count processed records. */
  counted(records: number): void
  nowMs(): number
}

export interface ReadCounters {
  readonly batches: Counter
  readonly records: Counter
  readonly bytes: Counter
}

const busyHint = 'Await each next() before the next one, and end one loop before the next begins.'

export function busyError(): KafkaError {
  return new KafkaError('CONSUMER_BUSY', 'The consumer already has an active reader', { hint: busyHint })
}

/**
 * The one path from fetched batches to the application. The iterators, `poll` and `run` take batches here and return them; there is
 * one reader at a time.
 */
export class HandOut {
  readonly #host: HandOutHost
  readonly #prefetch: Prefetch
  readonly #counters: ReadCounters
  readonly deliveries = new Deliveries()
  /** Whether requesting the next item marks the one before as processed. */
  readonly mark: boolean
  readonly #failures: KafkaError[] = []
  #reader: Reader | undefined
  #releaseSignal: (() => void) | undefined
  /** When the last reader ended, on `monoNow`. */
  #idleSinceMs: number

  constructor(host: HandOutHost, prefetch: Prefetch, counters: ReadCounters, mark: boolean) {
    this.#host = host
    this.#prefetch = prefetch
    this.#counters = counters
    this.mark = mark
    this.#idleSinceMs = host.nowMs()
  }

  /** The active one. */
  get reader(): Reader | undefined {
    return this.#reader
  }

  /** Since when nothing reads, on `monoNow`; undefined: a reader is active. */
  get idleSinceMs(): number | undefined {
    return this.#reader === undefined ? this.#idleSinceMs : undefined
  }

  /** Registers the only reader. Throws CONSUMER_BUSY, ABORTED, or why the consumer cannot read. */
  acquire(reader: Reader): void {
    if (this.#reader !== undefined) throw busyError()
    if (reader.signal?.aborted === true) throw abortedError('Reading', reader.signal)
    this.#host.start()
    this.#reader = reader
    this.#releaseSignal = onAbort(reader.signal, () => this.#prefetch.wake())
  }

  release(reader: Reader): void {
    if (this.#reader !== reader) return
    this.#reader = undefined
    this.#idleSinceMs = this.#host.nowMs()
    this.#releaseSignal?.()
    this.#releaseSignal = undefined
    // A `next` that is pending must not take a batch for a reader that is gone.
    this.#prefetch.wake()
  }

  /** Waits for the next batch; undefined when the consumer or the reader ended. Rejects with a failure, or with ABORTED. */
  async next(reader: Reader): Promise<DeliveredBatch | undefined> {
    for (;;) {
      if (this.#host.fatal !== undefined) throw this.#host.fatal
      if (!this.#host.isOpen || reader.isEnded) return undefined
      if (reader.signal?.aborted === true) throw abortedError('Reading', reader.signal)
      // Before the other partitions: a busy one could hide the failure for ever.
      const failure = this.#failures.shift()
      if (failure !== undefined) throw failure
      const batch = this.take(reader)
      if (batch !== undefined) return batch
      if (this.#host.slice.take()) await this.#prefetch.wait()
      else await this.#host.slice.rest()
    }
  }

  /** The next batch without waiting. */
  take(reader: Reader): DeliveredBatch | undefined {
    if (!this.#mayDeliver(reader) || !this.#host.slice.take() || !this.#mayDeliver(reader)) return undefined
    const batch = this.#prefetch.take()
    if (batch === undefined) return undefined
    this.#counters.batches.add(1)
    this.#counters.records.add(batch.batch.recordCount)
    this.#counters.bytes.add(batch.batch.bytes.length)
    return batch
  }

  /** Whether the next record of a batch may be delivered in this turn of the event loop. */
  continues(batch: DeliveredBatch, reader: Reader): boolean {
    return this.#host.slice.take() && batch.current && this.#host.isOpen && reader.signal?.aborted !== true
  }

  /** False once the consumer closes: what is buffered is not delivered any more. */
  get isOpen(): boolean {
    return this.#host.isOpen
  }

  /** Moves the batch to its next record; false at its end, or where it cannot be read. */
  nextRecord(batch: DeliveredBatch): boolean {
    try {
      return batch.next()
    } catch (cause) {
      if (batch.era.ended === undefined) batch.owner.buffer.fail(cause, batch.batch)
      return false
    }
  }

  /** The batch was delivered completely. */
  finish(batch: DeliveredBatch): void {
    batch.owner.buffer.finish(batch)
  }

  putBack(batch: DeliveredBatch): void {
    batch.owner.buffer.putBack(batch)
  }

  /** Whether one more item may be delivered in this turn of the event loop. */
  hasTime(): boolean {
    return this.#host.slice.take()
  }

  /** Lets timers and sockets run. */
  rest(): Promise<void> {
    return this.#host.slice.rest()
  }

  counted(records: number): void {
    if (records > 0) this.#host.counted(records)
  }

  /** The reader rejects once with this error. */
  fail(error: KafkaError): void {
    this.#failures.push(error)
    this.#prefetch.wake()
  }

  /** A partition was given up or moved: its failure no longer matters. */
  forget(assigned: AssignedPartition): void {
    const { topic, partition } = assigned
    this.#reader?.partitionChanged?.(assigned)
    if (this.#failures.length === 0) return
    const kept = this.#failures.filter((error) => error.topic !== topic || error.partition !== partition)
    this.#failures.splice(0, this.#failures.length, ...kept)
  }

  wake(): void {
    this.#prefetch.wake()
  }

  #mayDeliver(reader: Reader): boolean {
    const { fatal, isOpen } = this.#host
    return (
      fatal === undefined && isOpen && !reader.isEnded && this.#failures.length === 0 && reader.signal?.aborted !== true
    )
  }
}

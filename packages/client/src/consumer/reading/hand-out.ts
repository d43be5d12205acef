import { abortedError, KafkaError } from '../../errors.ts'
import type { TopicPartition } from '../../group/membership.ts'
import type { Counter } from '../../metrics.ts'
import { onAbort } from '../../runtime/wait.ts'
import type { Fault } from '../decoding/decode-error.ts'
import { DecodedRows } from '../decoding/decoded-rows.ts'
import type { RecordDecoder } from '../decoding/record-decoder.ts'
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
  /** The partition is about to be given up: what the application does not have yet should be returned. */
  revoking?(partition: AssignedPartition): void
  /** Items that were taken wait to be processed, so that reading does not end yet. Call `wake` when there are none any more. */
  readonly hasWork?: boolean
}

export interface HandOutHost {
  /** Joins the group if the consumer is not in it. Throws when it failed or is closed. */
  start(): void
  /** Why no record is delivered any more. */
  readonly fatal: KafkaError | undefined
  readonly isOpen: boolean
  /** Everything up to the ends of the option `until` was delivered. */
  readonly isAtEnd: boolean
  readonly slice: TimeSlice
  /** Automatic commits count processed records. */
  counted(records: number): void
  nowMs(): number
  readonly badRecords: BadRecordRule
}

/** What becomes of records that the serdes of their topic refuse. */
export interface BadRecordRule {
  /** Whether reading continues after the record; false: the reader leaves the batch. */
  passes(batch: DeliveredBatch, fault: Fault): boolean
  /** Whether the record is left out of the item that its batch is. */
  skips(batch: DeliveredBatch, fault: Fault): boolean
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

  /** Waits for the next batch; undefined when the consumer or the reader ended, or everything was read. Rejects with a failure, or with ABORTED. */
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
      if (this.#host.isAtEnd && reader.hasWork !== true && this.#failures.length === 0) return undefined
      if (this.#host.slice.take()) await this.#prefetch.wait()
      else await this.#host.slice.rest()
    }
  }

  /** The next batch without waiting. */
  take(reader: Reader): DeliveredBatch | undefined {
    if (!this.#mayDeliver(reader) || !this.#host.slice.take() || !this.#mayDeliver(reader)) return undefined
    return this.#counted(this.#prefetch.take())
  }

  /** The batch behind those that the reader has of the partition, to be delivered together with them. */
  takeMore({ buffer }: AssignedPartition, maxBytes: number): DeliveredBatch | undefined {
    return this.#counted(buffer.takeMore(maxBytes))
  }

  #counted(batch: DeliveredBatch | undefined): DeliveredBatch | undefined {
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

  /**
   * Moves the batch to its next record, which is decoded if its topic has serdes; false at its end, where it cannot be read, or where the
   * reader has to leave it. Call `finish` then.
   */
  nextRecord(batch: DeliveredBatch): boolean {
    try {
      return batch.decoder === undefined ? batch.next() : this.#nextDecoded(batch, batch.decoder)
    } catch (cause) {
      if (batch.era.ended === undefined) batch.owner.buffer.fail(cause, batch.batch)
      return false
    }
  }

  #nextDecoded(batch: DeliveredBatch, decoder: RecordDecoder): boolean {
    while (batch.next()) {
      const fault = decoder.decode(batch.records, batch.baseOffset)
      if (fault === undefined) return true
      if (!this.#host.badRecords.passes(batch, fault)) return false
      if (!this.#mayContinue(batch, decoder)) return false
    }
    return false
  }

  /** After a bad record: its policy may have closed the consumer or moved the position, and many of them take time. */
  #mayContinue(batch: DeliveredBatch, decoder: RecordDecoder): boolean {
    if (this.#host.isOpen && batch.current && this.#host.slice.take()) return true
    decoder.stop('continues')
    return false
  }

  /**
   * Decodes the records of a batch that is delivered as one item, up to one that a policy does not simply skip. False: there is none to
   * deliver now. Call `finish` then.
   */
  decodeBatch(batch: DeliveredBatch): boolean {
    const { decoder } = batch
    if (decoder === undefined) return true
    const rows = new DecodedRows()
    // The first one decides about bad records before it; an item never begins with a bad record.
    if (!this.nextRecord(batch)) return false
    const from = batch.offset
    rows.add(decoder)
    const end = this.#decodeRows(batch, decoder, rows)
    const isSkipped = (offset: number) => rows.isSkipped(offset - batch.baseOffset)
    batch.narrow(from, end, rows.hasSkipped ? isSkipped : undefined)
    decoder.keepRows(rows)
    return true
  }

  /** Returns where the item ends. */
  #decodeRows(batch: DeliveredBatch, decoder: RecordDecoder, rows: DecodedRows): number {
    while (advances(batch)) {
      const fault = decoder.decode(batch.records, batch.baseOffset)
      if (fault === undefined) rows.add(decoder)
      else if (this.#host.badRecords.skips(batch, fault)) rows.skip(batch.records.offsetDelta)
      else return batch.offset
    }
    return batch.end
  }

  /** The batch was delivered completely, or the reader has to leave it. */
  finish(batch: DeliveredBatch): void {
    const stop = batch.decoder?.takeStop()
    batch.decoder?.clear()
    // It is put back once the bad record is disposed of.
    if (stop === 'held') return
    if (stop === 'continues' || batch.itemEnd < batch.end) batch.owner.buffer.putBack(batch)
    else batch.owner.buffer.finish(batch)
  }

  putBack(batch: DeliveredBatch): void {
    if (batch.decoder?.takeStop() !== 'held') batch.owner.buffer.putBack(batch)
  }

  /** The application reports that it is still at work: what is in hand, or was polled, does not take too long yet. */
  progress(): void {
    for (const delivery of this.deliveries) delivery.progress()
    this.#idleSinceMs = this.#host.nowMs()
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

  /** A partition was given up or moved. */
  moved(partition: AssignedPartition): void {
    this.forget(partition)
    this.#reader?.partitionChanged?.(partition)
    // Without it everything may be read.
    this.#prefetch.wake()
  }

  /** A partition is about to be given up. */
  revoking(partition: AssignedPartition): void {
    this.#reader?.revoking?.(partition)
  }

  /** The failure of a partition no longer matters. */
  forget({ topic, partition }: TopicPartition): void {
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

/** A damaged record fails where the batch is iterated, as that of a topic without serdes. */
function advances(batch: DeliveredBatch): boolean {
  try {
    return batch.next()
  } catch {
    return false
  }
}

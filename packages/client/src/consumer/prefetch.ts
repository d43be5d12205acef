import type { CodecSet, RecordBatch } from '@ottla/codec/records'
import { textOf } from '../error-data.ts'
import { describePartition, KafkaError } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'
import type { Chunk, Cursor } from './cursor.ts'
import { FetchedBatch } from './fetched-batch.ts'

export interface PrefetchOptions {
  readonly checkCrcs: boolean
  readonly maxDecompressedBytes: number
  readonly codecs: CodecSet
  /** The partition may be fetched again. */
  readonly onDrained: (cursor: Cursor) => void
}

/**
 * Fetched bytes between the network and the reader. They stay compressed as long as possible: at most one batch per
 * partition is decompressed ahead. A reader has one batch of a partition at a time, which preserves the order.
 */
export class Prefetch {
  readonly #options: PrefetchOptions
  /** Partitions with a batch to deliver, served round-robin. */
  readonly #queue = new Queue<Cursor>()
  #waiters: (() => void)[] = []
  #failed: KafkaError[] = []
  /** Fetched and decompressed bytes that are not delivered yet. */
  bufferedBytes = 0

  constructor(options: PrefetchOptions) {
    this.#options = options
  }

  accept(cursor: Cursor, chunk: Chunk): void {
    cursor.chunks.push(chunk)
    cursor.bufferedBytes += chunk.bytes
    this.bufferedBytes += chunk.bytes
    this.#advance(cursor)
  }

  /** The next batch, round-robin over the partitions. */
  take(): FetchedBatch<Cursor> | undefined {
    for (let cursor = this.#queue.shift(); cursor !== undefined; cursor = this.#queue.shift()) {
      cursor.queued = false
      const batch = this.#takeFrom(cursor)
      if (batch !== undefined) return batch
    }
    return undefined
  }

  #takeFrom(cursor: Cursor): FetchedBatch<Cursor> | undefined {
    if (cursor.halted || cursor.out !== undefined) return undefined
    const batch = cursor.returned ?? cursor.ready
    if (batch === undefined) return undefined
    if (cursor.returned === batch) cursor.returned = undefined
    else cursor.ready = undefined
    cursor.out = batch
    batch.rewind(Math.max(cursor.position, batch.baseOffset))
    this.#advance(cursor)
    return batch
  }

  /** The batch was delivered completely. */
  finish(batch: FetchedBatch<Cursor>): void {
    const { cursor } = batch
    this.#discharge(cursor, batch.chargedBytes)
    if (cursor.out !== batch) return
    cursor.out = undefined
    if (batch.assignmentEpoch === cursor.assignmentEpoch) cursor.skip(batch.end)
    this.#continue(cursor)
  }

  /** Returns a batch that was delivered partially; the rest starts at the cursor's position. */
  putBack(batch: FetchedBatch<Cursor>): void {
    const { cursor } = batch
    if (batch.assignmentEpoch !== cursor.assignmentEpoch) {
      this.finish(batch)
      return
    }
    if (cursor.out === batch) cursor.out = undefined
    cursor.returned = batch
    this.enqueue(cursor)
  }

  /** The reader's batch is finished: continue with the batches after it. */
  #continue(cursor: Cursor): void {
    cursor.skip(cursor.skippedTo)
    if (cursor.broken !== undefined && cursor.ready === undefined) this.fail(cursor, cursor.broken)
    else this.enqueue(cursor)
  }

  /** Queues a partition that may be read again. */
  enqueue(cursor: Cursor): void {
    if (cursor.queued || cursor.halted || cursor.out !== undefined) return
    if (cursor.ready === undefined && cursor.returned === undefined) return
    cursor.queued = true
    this.#queue.push(cursor)
    this.wake()
  }

  /** Drops fetched bytes because the position moved or the partition is gone. A reader keeps its batch. */
  clear(cursor: Cursor): void {
    let bytes = cursor.bufferedBytes
    for (const batch of [cursor.ready, cursor.returned]) if (batch !== undefined) bytes += batch.chargedBytes
    cursor.bufferedBytes = 0
    cursor.chunks.length = 0
    cursor.ready = undefined
    cursor.returned = undefined
    cursor.skippedTo = -1
    cursor.parsedTo = -1
    cursor.broken = undefined
    this.#discharge(cursor, bytes)
  }

  /** Releases bytes and wakes the loops that wait for buffer space. */
  #discharge(cursor: Cursor, bytes: number): void {
    if (bytes === 0) return
    this.bufferedBytes -= bytes
    this.#options.onDrained(cursor)
  }

  /** The partition cannot be read any further; the reader fails once with the error. */
  fail(cursor: Cursor, error: KafkaError): void {
    this.clear(cursor)
    cursor.assignmentEpoch++
    cursor.failed = error
    this.#failed.push(error)
    this.wake()
  }

  /** A failure is waiting for the reader. */
  get failing(): boolean {
    return this.#failed.length > 0
  }

  takeFailure(): KafkaError | undefined {
    return this.#failed.shift()
  }

  /** Resolves at the next change. Call it right after `take` returned undefined. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  wake(): void {
    if (this.#waiters.length === 0) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const resume of waiters) resume()
  }

  /** Parses until a batch is ready or nothing is left. Skips batches without deliverable records by their headers. */
  #advance(cursor: Cursor): void {
    while (cursor.ready === undefined && !cursor.inflating && (cursor.failed ?? cursor.broken) === undefined) {
      const chunk = cursor.chunks[0]
      if (chunk === undefined) return
      try {
        const batch = chunk.reader.next()
        if (batch === undefined) this.#drop(cursor, chunk)
        else this.#prepare(cursor, chunk, batch)
      } catch (cause) {
        this.#break(cursor, cause)
      }
    }
  }

  /** Valid batches are delivered before the error. */
  #break(cursor: Cursor, cause: unknown): void {
    const error = corrupt(cursor, cause)
    if (cursor.out === undefined && cursor.returned === undefined) this.fail(cursor, error)
    else cursor.broken = error
  }

  #drop(cursor: Cursor, chunk: Chunk): void {
    cursor.chunks.shift()
    cursor.bufferedBytes -= chunk.bytes
    this.#discharge(cursor, chunk.bytes)
  }

  #prepare(cursor: Cursor, chunk: Chunk, batch: RecordBatch): void {
    const end = Number(batch.baseOffset) + batch.lastOffsetDelta + 1
    const skip = chunk.aborted?.excludes(batch) === true || batch.isControl || batch.recordCount === 0
    if (end <= cursor.position) return
    if (skip) {
      cursor.parsedTo = end
      if (cursor.out === undefined && cursor.returned === undefined) cursor.skip(end)
      else cursor.skippedTo = end
      return
    }
    if (this.#options.checkCrcs && !batch.verifyCrc())
      throw new Error(`the checksum of the batch at ${batch.baseOffset} does not match`)
    if (batch.compressionId === 0) this.#ready(cursor, batch, undefined)
    else this.#inflate(cursor, batch)
  }

  #inflate(cursor: Cursor, batch: RecordBatch): void {
    const { codecs, maxDecompressedBytes } = this.#options
    const payload = codecs.of(batch.compressionId).decompress(batch.payload, maxDecompressedBytes)
    if (payload instanceof Uint8Array) {
      this.#ready(cursor, batch, payload)
      return
    }
    const { assignmentEpoch } = cursor
    cursor.inflating = true
    const settle = (act: () => void): void => {
      cursor.inflating = false
      try {
        if (cursor.assignmentEpoch === assignmentEpoch) act()
      } catch (cause) {
        this.#break(cursor, cause)
      }
      this.#advance(cursor)
    }
    payload.then(
      (bytes) => settle(() => this.#ready(cursor, batch, bytes)),
      (cause: unknown) => settle(() => this.#break(cursor, cause)),
    )
  }

  #ready(cursor: Cursor, batch: RecordBatch, payload: Uint8Array | undefined): void {
    const ready = new FetchedBatch(cursor, batch, payload)
    cursor.parsedTo = ready.end
    this.bufferedBytes += ready.chargedBytes
    cursor.ready = ready
    this.enqueue(cursor)
  }
}

/** The error for a partition whose next batch cannot be read. */
export function corrupt({ topic, partition, position, parsedTo }: Cursor, cause: unknown): KafkaError {
  const offset = Math.max(position, parsedTo)
  const message = `Reading ${describePartition({ topic, partition, offset })} failed: ${textOf(cause)}`
  return new KafkaError('CORRUPT_MESSAGE', message, {
    topic,
    partition,
    offset: BigInt(offset),
    cause,
    hint: 'Seek beyond the batch to continue without it: reading this partition has stopped.',
  })
}

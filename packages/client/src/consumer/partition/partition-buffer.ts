import type { RecordBatch, RecordBatchReader } from '@ottla/codec/records'
import type { Preparation } from '../decoding/preparation.ts'
import type { AbortedTransactions } from '../isolation.ts'
import { type BatchOwner, FetchedBatch } from './fetched-batch.ts'
import type { Progress } from './progress.ts'
import { rangeOf, type UnreadableRange } from './unreadable-range.ts'

/** Record batches of one fetch response, not yet parsed. */
export interface Chunk {
  readonly reader: RecordBatchReader
  readonly aborted: AbortedTransactions | undefined
  readonly bytes: number
}

export interface BufferOwner extends BatchOwner {
  readonly progress: Progress
  /** Nothing is left to deliver before its limit. */
  readonly isAtEnd: boolean
}

/** What the buffers of all partitions share: the budget of bytes, decompression, and the queue for readers. */
export interface BufferHost<Owner extends BufferOwner> {
  /** Counts fetched bytes, or returns them (negative). */
  countFetched(owner: Owner, bytes: number): void
  /** Returns decompressed bytes. */
  discharge(owner: Owner, bytes: number): void
  /** Checks the checksum. Throws for a damaged batch. */
  check(batch: RecordBatch): void
  /**
   * Decompresses a batch within the budget, which it charges with the result. 'later': there is no room; `advance` is called once
   * there is.
   */
  inflate(owner: Owner, batch: RecordBatch): Uint8Array | Promise<Uint8Array> | 'later'
  /** The partition has a batch to deliver. */
  ready(owner: Owner): void
  /** The position moved over what has no record to deliver, and the commit may follow. */
  skipped(owner: Owner): void
  /** The position reached the limit. */
  ended(owner: Owner): void
  /** What follows cannot be read. Called when everything before was delivered. Without a range it is not known how much it is. */
  unreadable(owner: Owner, cause: unknown, range: UnreadableRange | undefined): void
}

interface Unreadable {
  readonly cause: unknown
  /** Undefined: not a batch, or one that has no readable header. */
  readonly batch: RecordBatch | undefined
}

/**
 * The fetched bytes of one partition. They stay compressed as long as possible: at most one batch is decompressed ahead. A reader has
 * one batch at a time, which preserves the order.
 */
export class PartitionBuffer<Owner extends BufferOwner> {
  readonly #owner: Owner
  readonly #host: BufferHost<Owner>
  readonly #chunks: Chunk[] = []
  #chunkBytes = 0
  /** The next batch, decompressed. */
  #ready: FetchedBatch<Owner> | undefined
  /** Put back by a reader; delivered before `#ready`. */
  #returned: FetchedBatch<Owner> | undefined
  /** The batch that a reader has. */
  #out: FetchedBatch<Owner> | undefined
  /** Parsed, and waits for room to be decompressed. */
  #waiting: RecordBatch | undefined
  #inflating = false
  /** What the serdes of the topic need before the batch can be read; `#inflating` is set meanwhile. */
  #preparation: Preparation | undefined
  /** What was skipped after the batches that are not delivered yet. */
  #skipped: { readonly to: number; readonly epoch: number } | undefined
  #unreadable: Unreadable | undefined
  /** The batch that is being examined: if that throws, it is the one that cannot be read. */
  #examined: RecordBatch | undefined
  /** Increases when the contents are dropped: a decompression that ends later is of no use. */
  #round = 0

  constructor(owner: Owner, host: BufferHost<Owner>) {
    this.#owner = owner
    this.#host = host
  }

  /** Fetched bytes that are not delivered, and decompressed ones. */
  get bytes(): number {
    return this.#chunkBytes + (this.#ready?.chargedBytes ?? 0) + (this.#returned?.chargedBytes ?? 0)
  }

  /** Whether everything fetched was delivered, so that the position is that of the next fetch. */
  get isDrained(): boolean {
    return this.#out === undefined && this.#isEmpty && this.#chunks.length === 0 && !this.#inflating
  }

  /** What follows the batches at hand cannot be read. */
  get isUnreadable(): boolean {
    return this.#unreadable !== undefined
  }

  /** Whether what cannot be read was reported: everything before it was delivered. */
  get isReported(): boolean {
    return this.#unreadable !== undefined && this.#out === undefined && this.#isEmpty && !this.#inflating
  }

  /** A reader has a batch. */
  get isOut(): boolean {
    return this.#out !== undefined
  }

  /** Whether `take` would return a batch, were the partition not halted. */
  get hasBatch(): boolean {
    return this.#out === undefined && !this.#isEmpty
  }

  get #isEmpty(): boolean {
    return this.#ready === undefined && this.#returned === undefined
  }

  /** Whether the buffer belongs to this host, which each consumer has one of. */
  isOf(host: unknown): boolean {
    return host === this.#host
  }

  accept(chunk: Chunk): void {
    this.#chunks.push(chunk)
    this.#chunkBytes += chunk.bytes
    this.#host.countFetched(this.#owner, chunk.bytes)
    this.advance()
  }

  /** The next batch, from the position on. */
  take(): FetchedBatch<Owner> | undefined {
    if (this.#owner.halted || this.#out !== undefined) return undefined
    const { progress } = this.#owner
    const batch = this.#returned ?? this.#ready
    if (batch === undefined) return undefined
    if (this.#returned === batch) this.#returned = undefined
    else this.#ready = undefined
    this.#out = batch
    const only = progress.wanted(batch.baseOffset, batch.end)
    if (batch.end <= progress.next || only?.size === 0) {
      // Everything in it is processed: it was fetched again for another batch.
      this.advance()
      this.finish(batch)
      return this.take()
    }
    batch.continueAt(progress.next, only)
    this.advance()
    return batch
  }

  /** The batch was delivered completely. */
  finish(batch: FetchedBatch<Owner>): void {
    this.#host.discharge(this.#owner, batch.chargedBytes)
    if (this.#out !== batch) return
    this.#out = undefined
    // Of a batch that cannot be read to its end, only what was delivered is passed.
    const isRead = this.#unreadable === undefined || this.#unreadable.batch !== batch.batch
    if (batch.era.ended === undefined && isRead) this.#moveOver(batch.end, batch.leaderEpoch)
    this.#continue()
  }

  /** The record at which the reader's batch stopped cannot be delivered: the position moves over it. */
  passOver(batch: FetchedBatch<Owner>): void {
    if (batch.era.ended === undefined) this.#moveOver(batch.offset + 1, batch.leaderEpoch)
  }

  /** The log has no record from what was fetched to before `to`. Does nothing while a part of that is not delivered. */
  passTo(to: number): void {
    if (this.isDrained) this.#moveOver(to, -1)
  }

  /** A reader returns a batch that it delivered in part, or not at all. */
  putBack(batch: FetchedBatch<Owner>): void {
    if (batch.era.ended !== undefined) {
      this.finish(batch)
      return
    }
    if (this.#out === batch) this.#out = undefined
    this.#returned = batch
    if (this.hasBatch) this.#host.ready(this.#owner)
  }

  /** Whether the next batch contains the position: records that were given back need not be fetched again. */
  get coversPosition(): boolean {
    const next = this.#owner.progress.next
    const batch = this.#out ?? this.#returned ?? this.#ready
    return batch !== undefined && batch.baseOffset <= next && next < batch.end
  }

  /** Drops what was fetched. A reader keeps its batch. */
  clear(): void {
    this.#round++
    this.#inflating = false
    this.#preparation?.abort()
    this.#preparation = undefined
    const charged = (this.#ready?.chargedBytes ?? 0) + (this.#returned?.chargedBytes ?? 0)
    const fetched = this.#chunkBytes
    this.#chunks.length = 0
    this.#chunkBytes = 0
    this.#ready = undefined
    this.#returned = undefined
    this.#waiting = undefined
    this.#skipped = undefined
    this.#unreadable = undefined
    if (fetched > 0) this.#host.countFetched(this.#owner, -fetched)
    if (charged > 0) this.#host.discharge(this.#owner, charged)
  }

  /** What follows the batches at hand cannot be read: it is reported once these are delivered. */
  fail(cause: unknown, batch?: RecordBatch): void {
    // A reader found it: what was fetched behind it must not be delivered before it is decided what becomes of it.
    if (batch !== undefined && this.#out?.batch === batch) this.clear()
    this.#unreadable ??= { cause, batch }
    this.#reportUnreadable()
  }

  /** Parses until a batch is ready or nothing is left. Skips batches without deliverable records by their headers. */
  advance(): void {
    while (this.#ready === undefined && !this.#inflating && this.#unreadable === undefined) {
      const chunk = this.#chunks[0]
      if (chunk === undefined) return
      try {
        const batch = this.#waiting ?? this.#parse(chunk)
        if (batch === undefined) continue
        this.#waiting = batch
        if (!this.#prepare(batch)) return
        this.#waiting = undefined
      } catch (cause) {
        this.#waiting = undefined
        this.fail(cause, this.#examined)
      }
    }
  }

  /** The next batch to deliver of a chunk; undefined: it was skipped, or the chunk is finished. */
  #parse(chunk: Chunk): RecordBatch | undefined {
    this.#examined = undefined
    const batch = chunk.reader.next()
    this.#examined = batch
    if (batch === undefined) {
      this.#drop(chunk)
      return undefined
    }
    const { progress } = this.#owner
    if (batch.baseOffset >= this.#owner.limit) {
      this.#drop(chunk)
      this.#skip(this.#owner.limit, -1)
      return undefined
    }
    const end = Number(batch.baseOffset) + batch.lastOffsetDelta + 1
    const isSkipped = chunk.aborted?.excludes(batch) === true || batch.isControl || batch.recordCount === 0
    if (end <= progress.next) return undefined
    if (isSkipped) {
      this.#skip(end, batch.partitionLeaderEpoch)
      return undefined
    }
    this.#host.check(batch)
    return batch
  }

  #skip(to: number, epoch: number): void {
    if (this.#out === undefined && this.#isEmpty) this.#moveOver(to, epoch)
    else this.#skipped = { to, epoch }
  }

  #moveOver(to: number, epoch: number): void {
    const { progress } = this.#owner
    progress.skip(to, epoch)
    if (progress.uncommittedTail !== undefined) this.#host.skipped(this.#owner)
    if (this.#owner.isAtEnd) this.#host.ended(this.#owner)
  }

  /** Makes a batch ready; false: it is ready later. */
  #prepare(batch: RecordBatch): boolean {
    if (batch.compressionId === 0) return this.#makeReady(batch, undefined)
    const payload = this.#host.inflate(this.#owner, batch)
    if (payload === 'later') return false
    if (payload instanceof Uint8Array) return this.#makeReady(batch, payload)
    const round = this.#round
    this.#inflating = true
    const settle = (act: () => void, late: () => void): void => {
      if (round !== this.#round) {
        late()
        return
      }
      this.#inflating = false
      this.#waiting = undefined
      try {
        act()
      } catch (cause) {
        this.fail(cause, batch)
      }
      this.advance()
    }
    payload.then(
      (bytes) =>
        settle(
          () => this.#makeReady(batch, bytes),
          () => this.#host.discharge(this.#owner, bytes.length),
        ),
      (cause: unknown) =>
        settle(
          () => this.fail(cause, batch),
          () => {},
        ),
    )
    return false
  }

  #makeReady(batch: RecordBatch, payload: Uint8Array | undefined): boolean {
    let fetched: FetchedBatch<Owner>
    try {
      fetched = new FetchedBatch(this.#owner, batch, payload)
    } catch (cause) {
      if (payload !== undefined) this.#host.discharge(this.#owner, payload.length)
      throw cause
    }
    const preparation = fetched.decoder?.prepare(fetched)
    if (preparation !== undefined) return this.#awaitPreparation(fetched, preparation)
    this.#ready = fetched
    if (this.hasBatch) this.#host.ready(this.#owner)
    return true
  }

  /** Other partitions continue meanwhile. */
  #awaitPreparation(fetched: FetchedBatch<Owner>, preparation: Preparation): false {
    const round = this.#round
    this.#inflating = true
    this.#preparation = preparation
    void preparation.done.then(() => {
      if (round !== this.#round) {
        this.#host.discharge(this.#owner, fetched.chargedBytes)
        return
      }
      this.#inflating = false
      this.#preparation = undefined
      this.#waiting = undefined
      this.#ready = fetched
      if (this.hasBatch) this.#host.ready(this.#owner)
      this.advance()
    })
    return false
  }

  /** The reader's batch is finished: continue with what follows it. */
  #continue(): void {
    const skipped = this.#skipped
    if (skipped !== undefined && this.#returned === undefined) {
      this.#skipped = undefined
      this.#moveOver(skipped.to, skipped.epoch)
    }
    if (this.hasBatch) this.#host.ready(this.#owner)
    else this.#reportUnreadable()
  }

  #reportUnreadable(): void {
    if (!this.isReported) return
    const { cause, batch } = this.#unreadable!
    const range = batch === undefined ? undefined : rangeOf(batch, () => this.#nextOffset())
    this.#host.unreadable(this.#owner, cause, range)
  }

  /** Where the batch after the unreadable one begins, as far as it was fetched. Nothing of it is read from here any more. */
  #nextOffset(): number | undefined {
    try {
      const batch = this.#chunks[0]?.reader.next()
      return batch && Number(batch.baseOffset)
    } catch {
      return undefined
    }
  }

  #drop(chunk: Chunk): void {
    this.#chunks.shift()
    this.#chunkBytes -= chunk.bytes
    this.#host.countFetched(this.#owner, -chunk.bytes)
  }
}

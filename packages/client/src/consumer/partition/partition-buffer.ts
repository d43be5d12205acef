import type { RecordBatch } from '@ottla/codec/records'
import type { Preparation } from '../decoding/preparation.ts'
import type { BufferHost, BufferOwner } from './buffer-host.ts'
import { FetchedBatch } from './fetched-batch.ts'
import type { FetchedChunk } from './fetched-chunk.ts'
import { KeptChunks } from './kept-chunks.ts'
import { rangeOf } from './unreadable-range.ts'

interface Unreadable {
  readonly cause: unknown
  /** Undefined: not a batch, or one that has no readable header. */
  readonly batch: RecordBatch | undefined
}

/**
 * The fetched bytes of one partition. They stay compressed as long as possible: at most one batch is decompressed ahead. One reader
 * at a time has a batch, or several that follow each other, which preserves the order.
 */
export class PartitionBuffer<Owner extends BufferOwner> {
  readonly #owner: Owner
  readonly #host: BufferHost<Owner>
  readonly #chunks: FetchedChunk[] = []
  #chunkBytes = 0
  /** Delivered, for `rewind`. */
  readonly #kept = new KeptChunks()
  /** The offset after the last batch that was parsed. */
  #parsedTo = -1
  /** The next batch, decompressed. */
  #ready: FetchedBatch<Owner> | undefined
  /** Put back by a reader, in order; delivered before `#ready`. */
  readonly #returned: FetchedBatch<Owner>[] = []
  /** The batches that a reader has, in order. */
  readonly #out: FetchedBatch<Owner>[] = []
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
    return this.#chunkBytes + this.#chargedBytes
  }

  /** Whether everything fetched was delivered, so that the position is that of the next fetch. */
  get isDrained(): boolean {
    return !this.isOut && this.#isEmpty && this.#chunks.length === 0 && !this.#inflating
  }

  /** What follows the batches at hand cannot be read. */
  get isUnreadable(): boolean {
    return this.#unreadable !== undefined
  }

  /** Whether what cannot be read was reported: everything before it was delivered. */
  get isReported(): boolean {
    return this.#unreadable !== undefined && !this.isOut && this.#isEmpty && !this.#inflating
  }

  /** A reader has a batch. */
  get isOut(): boolean {
    return this.#out.length > 0
  }

  /** Whether `take` would return a batch, were the partition not halted. */
  get hasBatch(): boolean {
    return !this.isOut && !this.#isEmpty
  }

  get #isEmpty(): boolean {
    return this.#ready === undefined && this.#returned.length === 0
  }

  get #chargedBytes(): number {
    let bytes = this.#ready?.chargedBytes ?? 0
    for (const { chargedBytes } of this.#returned) bytes += chargedBytes
    return bytes
  }

  /** Whether the buffer belongs to this host, which each consumer has one of. */
  isOf(host: unknown): boolean {
    return host === this.#host
  }

  accept(chunk: FetchedChunk): void {
    this.#chunks.push(chunk)
    this.#chunkBytes += chunk.bytes
    this.#host.countFetched(this.#owner, chunk.bytes)
    this.advance()
  }

  /** The next batch, from the position on. */
  take(): FetchedBatch<Owner> | undefined {
    return this.#owner.halted || this.isOut ? undefined : this.#take()
  }

  /** The batch after those that the reader has, if it is ready and not larger. */
  takeMore(maxBytes: number): FetchedBatch<Owner> | undefined {
    const next = this.#returned[0] ?? this.#ready
    if (next === undefined || next.sizeBytes > maxBytes || this.#owner.halted || !this.isOut) return undefined
    return this.#take()
  }

  #take(): FetchedBatch<Owner> | undefined {
    const { progress } = this.#owner
    const batch = this.#returned[0] ?? this.#ready
    if (batch === undefined) return undefined
    if (this.#ready === batch) this.#ready = undefined
    else this.#returned.shift()
    this.#out.push(batch)
    const only = progress.wanted(batch.baseOffset, batch.end)
    if (batch.end <= progress.next || only?.size === 0) {
      // Everything in it is processed: it was fetched again for another batch.
      this.advance()
      this.finish(batch)
      return this.#owner.halted ? undefined : this.#take()
    }
    batch.continueAt(progress.next, only)
    this.advance()
    return batch
  }

  /** The batch was delivered completely. */
  finish(batch: FetchedBatch<Owner>): void {
    this.#host.discharge(this.#owner, batch.chargedBytes)
    if (!this.#leave(batch)) return
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

  /** A reader returns a batch that it delivered in part, or not at all; of several the last one first. */
  putBack(batch: FetchedBatch<Owner>): void {
    if (batch.era.ended !== undefined) {
      this.finish(batch)
      return
    }
    this.#leave(batch)
    this.#returned.unshift(batch)
    if (this.hasBatch) this.#host.ready(this.#owner)
  }

  /** Whether a reader had it. */
  #leave(batch: FetchedBatch<Owner>): boolean {
    const at = this.#out.indexOf(batch)
    if (at >= 0) this.#out.splice(at, 1)
    return at >= 0
  }

  /** Whether the next batch contains the position: records that were given back need not be fetched again. */
  get coversPosition(): boolean {
    const next = this.#owner.progress.next
    const batch = this.#out[0] ?? this.#returned[0] ?? this.#ready
    return batch !== undefined && batch.baseOffset <= next && next < batch.end
  }

  /** Drops what was fetched. A reader keeps its batch. */
  clear(): void {
    this.#round++
    this.#inflating = false
    this.#preparation?.abort()
    this.#preparation = undefined
    const charged = this.#chargedBytes
    const fetched = this.#chunkBytes
    this.#chunks.length = 0
    this.#chunkBytes = 0
    this.#ready = undefined
    this.#returned.length = 0
    this.#waiting = undefined
    this.#skipped = undefined
    this.#unreadable = undefined
    this.release(Number.POSITIVE_INFINITY)
    if (fetched > 0) this.#host.countFetched(this.#owner, -fetched)
    if (charged > 0) this.#host.discharge(this.#owner, charged)
  }

  /** Whether delivered bytes are kept for `rewind`. */
  get keepsBytes(): boolean {
    return this.#kept.bytes > 0
  }

  /** What was delivered before this offset is never delivered again. */
  release(offset: number): void {
    const bytes = this.#kept.dropBefore(offset)
    if (bytes > 0) this.#host.discardKept(this.#owner, bytes)
  }

  /** Delivers from the position of the owner on once more. False: what is kept begins after it, and nothing has changed. */
  rewind(): boolean {
    const chunks = [...this.#kept.chunks, ...this.#chunks]
    const first = chunks[0]?.firstOffset
    if (this.isOut || first === undefined || first > this.#owner.progress.next) return false
    this.clear()
    for (const chunk of chunks) this.accept(chunk.again())
    return true
  }

  /** What follows the batches at hand cannot be read: it is reported once these are delivered. */
  fail(cause: unknown, batch?: RecordBatch): void {
    // A reader found it: what was fetched behind it must not be delivered before it is decided what becomes of it.
    if (batch !== undefined && this.#out.some((out) => out.batch === batch)) this.clear()
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
  #parse(chunk: FetchedChunk): RecordBatch | undefined {
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
    this.#parsedTo = end
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
    if (!this.isOut && this.#isEmpty) this.#moveOver(to, epoch)
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

  /** A batch of the reader is finished: continue with what follows its last one. */
  #continue(): void {
    if (this.isOut) return
    const skipped = this.#skipped
    if (skipped !== undefined && this.#returned.length === 0) {
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

  #drop(chunk: FetchedChunk): void {
    this.#chunks.shift()
    this.#chunkBytes -= chunk.bytes
    if (this.#host.keeps(this.#owner, chunk.bytes)) {
      this.#kept.add(chunk, this.#parsedTo)
      return
    }
    // Without this one, those before it cannot be delivered again either.
    this.release(Number.POSITIVE_INFINITY)
    this.#host.countFetched(this.#owner, -chunk.bytes)
  }
}

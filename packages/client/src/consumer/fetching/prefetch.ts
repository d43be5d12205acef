import type { CodecSet, RecordBatch } from '@ottla/codec/records'
import { Queue } from '../../runtime/queue.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { FetchedBatch } from '../partition/fetched-batch.ts'
import type { BufferHost } from '../partition/partition-buffer.ts'
import type { UnreadableRange } from '../partition/unreadable-range.ts'

export interface PrefetchOptions {
  readonly checkCrcs: boolean
  readonly maxBufferedBytes: number
  readonly maxDecompressedBytes: number
  readonly codecs: CodecSet
  /** All that are assigned. */
  readonly partitions: () => Iterable<AssignedPartition>
  readonly onSkipped: (partition: AssignedPartition) => void
  /** Bytes of the partition were delivered or dropped: it may be fetched again. */
  readonly onDrained: (partition: AssignedPartition) => void
  /** The next batch cannot be read, and everything before it was delivered. */
  readonly onUnreadable: (partition: AssignedPartition, cause: unknown, range: UnreadableRange | undefined) => void
}

/** Decompressed size by compressed size, before any batch was seen. */
const firstRatio = 4

/**
 * Fetched bytes between the network and the readers: the budget, decompression within it, and the queue of partitions with a batch to
 * deliver. Once compressed batches arrive, half of the budget is kept for decompressed ones, so that both always find room.
 */
export class Prefetch implements BufferHost<AssignedPartition> {
  readonly #options: PrefetchOptions
  readonly #halfBytes: number
  /** Partitions with a batch to deliver, served round-robin. */
  readonly #queue = new Queue<AssignedPartition>()
  readonly #queued = new Set<AssignedPartition>()
  /** Partitions whose next batch waits for room to be decompressed. */
  readonly #cramped = new Set<AssignedPartition>()
  #waiters: (() => void)[] = []
  #fetchedBytes = 0
  #inflatedBytes = 0
  /** The expected sizes of what is being decompressed. */
  #reservedBytes = 0
  #isForced = false
  #seesCompressed = false
  #ratio = firstRatio
  /** Before the first result the ratio is a guess, on which only one decompression may rely. */
  #isRatioKnown = false
  #isLimiting = false
  #isAdmitting = false

  constructor(options: PrefetchOptions) {
    this.#options = options
    this.#halfBytes = options.maxBufferedBytes / 2
  }

  /** Fetched and decompressed bytes that are not delivered yet. */
  get bufferedBytes(): number {
    return this.#fetchedBytes + this.#inflatedBytes + this.#reservedBytes
  }

  /** How many bytes fetches may bring. */
  get roomBytes(): number {
    const inflated = this.#inflatedBytes + this.#reservedBytes
    const kept = this.#seesCompressed ? Math.max(0, this.#halfBytes - inflated) : 0
    return this.#options.maxBufferedBytes - this.bufferedBytes - kept
  }

  get isFull(): boolean {
    return this.roomBytes <= 0
  }

  /** The next batch, round-robin over the partitions. */
  take(): FetchedBatch<AssignedPartition> | undefined {
    for (let partition = this.#queue.shift(); partition !== undefined; partition = this.#queue.shift()) {
      this.#queued.delete(partition)
      const batch = partition.buffer.take()
      if (batch !== undefined) return batch
    }
    return undefined
  }

  /** Resolves at the next change. Call it right after `take` returned undefined. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
      this.#force()
    })
  }

  wake(): void {
    if (this.#waiters.length === 0) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const resume of waiters) resume()
  }

  /**
   * Drops bytes of partitions that deliver nothing for now where they hold more than half of the budget, so that they cannot keep the
   * others from being fetched. They are fetched again later.
   */
  limitHalted(): void {
    if (this.bufferedBytes <= this.#halfBytes) return
    let bytes = 0
    for (const partition of this.#options.partitions()) {
      if (!partition.halted || partition.buffer.isOut) continue
      bytes += partition.buffer.bytes
      if (bytes <= this.#halfBytes) continue
      bytes -= partition.buffer.bytes
      partition.dropFetched()
    }
  }

  // ---- for the buffers of the partitions

  ready(partition: AssignedPartition): void {
    if (partition.halted) return
    // While it delivered nothing, none of its batches was decompressed.
    partition.buffer.advance()
    if (this.#queued.has(partition) || !partition.buffer.hasBatch) return
    this.#queued.add(partition)
    this.#queue.push(partition)
    this.wake()
    this.#admitWaiting()
  }

  skipped(partition: AssignedPartition): void {
    this.#options.onSkipped(partition)
  }

  ended(): void {
    this.wake()
  }

  unreadable(partition: AssignedPartition, cause: unknown, range: UnreadableRange | undefined): void {
    this.#options.onUnreadable(partition, cause, range)
  }

  countFetched(partition: AssignedPartition, bytes: number): void {
    this.#fetchedBytes += bytes
    if (bytes < 0) this.#drained(partition)
    else if (partition.halted) this.#limitSoon()
  }

  /** A response to a fetch that was sent before the pause may bring more than paused partitions may hold. */
  #limitSoon(): void {
    if (this.#isLimiting) return
    this.#isLimiting = true
    queueMicrotask(() => {
      this.#isLimiting = false
      this.limitHalted()
    })
  }

  discharge(partition: AssignedPartition, bytes: number): void {
    if (bytes === 0) return
    this.#inflatedBytes -= bytes
    this.#drained(partition)
  }

  check(batch: RecordBatch): void {
    if (this.#options.checkCrcs && !batch.verifyCrc())
      throw new Error(`the checksum of the batch at ${batch.baseOffset} does not match`)
  }

  inflate(partition: AssignedPartition, batch: RecordBatch): Uint8Array | Promise<Uint8Array> | 'later' {
    const { codecs, maxDecompressedBytes } = this.#options
    const { payload } = batch
    this.#seesCompressed = true
    // `ready` continues.
    if (partition.halted) return 'later'
    const expectedBytes = Math.min(maxDecompressedBytes, payload.length * this.#ratio)
    const inflated = this.#inflatedBytes + this.#reservedBytes
    const isGuess = !this.#isRatioKnown && this.#reservedBytes > 0
    if (!this.#isForced && inflated > 0 && (isGuess || inflated + expectedBytes > this.#halfBytes)) {
      this.#cramped.add(partition)
      if (this.#waiters.length > 0) queueMicrotask(() => this.#force())
      return 'later'
    }
    this.#isForced = false
    const result = codecs.of(batch.compressionId).decompress(payload, maxDecompressedBytes)
    if (result instanceof Uint8Array) return this.#charge(payload.length, result)
    this.#reservedBytes += expectedBytes
    return result
      .finally(() => (this.#reservedBytes -= expectedBytes))
      .then(
        (bytes) => this.#charge(payload.length, bytes),
        (error: unknown) => {
          this.#admitWaiting()
          this.#force()
          throw error
        },
      )
  }

  /** The ratio follows the data up immediately and down slowly: an estimate that is too low exceeds the budget. */
  #charge(compressedBytes: number, result: Uint8Array): Uint8Array {
    this.#inflatedBytes += result.length
    const ratio = Math.max(1, result.length / Math.max(1, compressedBytes))
    const isHigher = !this.#isRatioKnown || ratio > this.#ratio
    this.#ratio = isHigher ? ratio : this.#ratio + (ratio - this.#ratio) / 8
    this.#isRatioKnown = true
    return result
  }

  #drained(partition: AssignedPartition): void {
    this.#options.onDrained(partition)
    this.#admitWaiting()
  }

  /** Those that still find no room wait again. */
  #admitWaiting(): void {
    if (this.#isAdmitting) return
    this.#isAdmitting = true
    for (let next = this.#nextCramped(); next !== undefined; next = this.#nextCramped()) {
      const waiting = this.#cramped.size
      this.#admit(next)
      if (this.#cramped.size >= waiting) break
    }
    this.#isAdmitting = false
  }

  #nextCramped(): AssignedPartition | undefined {
    for (const partition of this.#cramped) {
      if (!partition.halted) return partition
      this.#cramped.delete(partition)
    }
    return undefined
  }

  /** A reader waits and no batch is ready: one batch may always pass, because nothing else would free memory. */
  #force(): void {
    const next = this.#nextCramped()
    if (next === undefined || this.#reservedBytes > 0 || this.#queue.size > 0 || this.#waiters.length === 0) return
    this.#isForced = true
    this.#admit(next)
    this.#isForced = false
  }

  #admit(partition: AssignedPartition): void {
    this.#cramped.delete(partition)
    partition.buffer.advance()
  }
}

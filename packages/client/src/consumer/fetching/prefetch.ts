import type { CodecSet, RecordBatch } from '@ottla/codec/records'
import { Queue } from '../../runtime/queue.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { BufferHost } from '../partition/buffer-host.ts'
import type { FetchedBatch } from '../partition/fetched-batch.ts'
import type { UnreadableRange } from '../partition/unreadable-range.ts'
import type { BudgetShare, ByteBudget } from './byte-budget.ts'
import type { FetchBudget } from './source-host.ts'

export interface PrefetchOptions {
  readonly checkCrcs: boolean
  readonly budget: ByteBudget
  readonly maxDecompressedBytes: number
  readonly codecs: CodecSet
  /** All that are assigned. */
  readonly partitions: () => Iterable<AssignedPartition>
  /** Delivered bytes are kept until `releaseKept`, up to half of what no other consumer uses of the budget. */
  readonly keepsDelivered: boolean
  readonly onSkipped: (partition: AssignedPartition) => void
  /** Bytes of the partition were delivered or dropped: it may be fetched again. */
  readonly onDrained: (partition: AssignedPartition) => void
  /** The budget, which other consumers use too, has room again. */
  readonly onRoom: () => void
  /** The next batch cannot be read, and everything before it was delivered. */
  readonly onUnreadable: (partition: AssignedPartition, cause: unknown, range: UnreadableRange | undefined) => void
}

/** Decompressed size by compressed size, before any batch was seen. */
const firstRatio = 4

/**
 * Fetched bytes between the network and the readers: the share of a budget, decompression within it, and the queue of partitions with a
 * batch to deliver. Once compressed batches arrive, half of the share is kept for decompressed ones, so that both always find room.
 */
export class Prefetch implements BufferHost<AssignedPartition>, FetchBudget {
  readonly #options: PrefetchOptions
  readonly #share: BudgetShare
  /** Partitions with a batch to deliver, served round-robin. */
  readonly #queue = new Queue<AssignedPartition>()
  readonly #queued = new Set<AssignedPartition>()
  /** Partitions whose next batch waits for room to be decompressed. */
  readonly #cramped = new Set<AssignedPartition>()
  #waiters: (() => void)[] = []
  #fetchedBytes = 0
  /** Those of the fetched bytes that were delivered. */
  #keptBytes = 0
  readonly #keeping = new Set<AssignedPartition>()
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
    this.#share = options.budget.share(this)
  }

  /** From now on it counts as a consumer of the budget. */
  open(): void {
    this.#share.open()
  }

  /** Gives back what it holds. */
  close(): void {
    this.#share.close()
  }

  /** Fetched and decompressed bytes that are not delivered yet. */
  get bufferedBytes(): number {
    return this.#fetchedBytes + this.#inflatedBytes + this.#reservedBytes
  }

  /** How many bytes fetches may bring. */
  get roomBytes(): number {
    const inflated = this.#inflatedBytes + this.#reservedBytes
    const { limitBytes } = this.#share
    const kept = this.#seesCompressed ? Math.max(0, limitBytes / 2 - inflated) : 0
    return limitBytes - this.bufferedBytes - kept
  }

  get limitBytes(): number {
    return this.#share.limitBytes
  }

  get guaranteedBytes(): number {
    return this.#share.guaranteedBytes
  }

  awaitRoom(): void {
    this.#share.await()
  }

  roomChanged(): void {
    this.#admitWaiting()
    this.#options.onRoom()
  }

  /** Drops what exceeds the share, which is smaller for each consumer that joins. It is fetched again later. */
  shareChanged(): void {
    this.limitHalted()
    for (const partition of this.#options.partitions()) {
      if (!this.#share.isExceeded) return
      if (!partition.buffer.isOut) partition.dropFetched()
    }
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
   * Drops bytes of partitions that deliver nothing for now where they hold more than half of the budget, or of this consumer's equal part
   * of it, so that they cannot keep the others from being fetched. They are fetched again later.
   */
  limitHalted(): void {
    const { guaranteedBytes } = this.#share
    if (this.bufferedBytes <= guaranteedBytes) return
    let bytes = 0
    for (const partition of this.#options.partitions()) {
      if (!partition.halted || partition.buffer.isOut) continue
      bytes += partition.buffer.bytes
      if (bytes <= guaranteedBytes) continue
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
    this.#share.add(bytes)
    if (bytes < 0) this.#drained(partition)
    else if (partition.halted) this.#limitSoon()
  }

  keeps(partition: AssignedPartition, bytes: number): boolean {
    if (!this.#options.keepsDelivered || this.#keptBytes + bytes > this.#share.guaranteedBytes / 2) return false
    this.#keptBytes += bytes
    this.#keeping.add(partition)
    return true
  }

  discardKept(partition: AssignedPartition, bytes: number): void {
    this.#keptBytes -= bytes
    this.countFetched(partition, -bytes)
  }

  /** What is processed is not delivered again any more. */
  releaseKept(): void {
    const keeping = [...this.#keeping]
    this.#keeping.clear()
    for (const partition of keeping) {
      partition.buffer.release(partition.progress.lowestUndone.offset)
      if (partition.buffer.keepsBytes) this.#keeping.add(partition)
    }
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
    this.#share.add(-bytes)
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
    if (!this.#isForced && inflated > 0 && (isGuess || !this.#hasRoomFor(inflated, expectedBytes))) {
      this.#cramped.add(partition)
      this.awaitRoom()
      if (this.#waiters.length > 0) queueMicrotask(() => this.#force())
      return 'later'
    }
    this.#isForced = false
    const result = codecs.of(batch.compressionId).decompress(payload, maxDecompressedBytes)
    if (result instanceof Uint8Array) return this.#charge(payload.length, result)
    this.#reserve(expectedBytes)
    return result
      .finally(() => this.#reserve(-expectedBytes))
      .then(
        (bytes) => this.#charge(payload.length, bytes),
        (error: unknown) => {
          this.#admitWaiting()
          this.#force()
          throw error
        },
      )
  }

  #hasRoomFor(inflated: number, expectedBytes: number): boolean {
    const { limitBytes, heldBytes } = this.#share
    return inflated + expectedBytes <= limitBytes / 2 && heldBytes + expectedBytes <= limitBytes
  }

  #reserve(bytes: number): void {
    this.#reservedBytes += bytes
    this.#share.add(bytes)
  }

  /** The ratio follows the data up immediately and down slowly: an estimate that is too low exceeds the budget. */
  #charge(compressedBytes: number, result: Uint8Array): Uint8Array {
    this.#inflatedBytes += result.length
    this.#share.add(result.length)
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

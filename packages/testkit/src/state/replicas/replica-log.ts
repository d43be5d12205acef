import { type EpochEnd, type EpochEntry, LeaderEpochs } from './leader-epochs.ts'
import type { LogFiles } from './log-files.ts'
import { type RetentionRules, segmentsToDelete } from './log-retention.ts'
import { LogSegment, type StoredBatch } from './log-segment.ts'
import { LogTransactions } from './log-transactions.ts'
import { ProducerStates } from './producer-states.ts'

export interface ReadLimits {
  /** Only batches that end before this offset. */
  readonly upTo: number
  readonly maxBytes: number
  /** Returns the first batch even when it is larger than `maxBytes`. */
  readonly atLeastOne: boolean
}

export interface AppendRules {
  readonly segmentMs: number
  /** The log is flushed after at least this many records. */
  readonly flushMessages: number
}

/** A log as read from its files. */
export interface KeptLog {
  /** At least one. */
  readonly segments: readonly LogSegment[]
  readonly epochs: readonly EpochEntry[]
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly highWatermark: number
}

const unlimited: AppendRules = { segmentMs: Number.POSITIVE_INFINITY, flushMessages: Number.POSITIVE_INFINITY }

/**
 * The log of one replica: batches in segments, the leader epochs that wrote them, and the producer and transaction state that is
 * derived from them. Offsets are numbers here (safe to 2^53) and bigint on the wire.
 */
export class ReplicaLog {
  readonly epochs = new LeaderEpochs()
  readonly producers = new ProducerStates()
  readonly transactions = new LogTransactions()
  #segments: LogSegment[] = [new LogSegment(0)]
  #logStartOffset = 0
  #logEndOffset = 0
  #highWatermark = 0
  #flushedOffset = 0
  #cutCount = 0
  #cleanedOffset = 0
  /** Called when a segment is closed, which makes it cleanable. */
  onRolled: (() => void) | undefined
  readonly #files: LogFiles | undefined

  constructor(files?: LogFiles) {
    this.#files = files
  }

  /** Continues a stored log; the derived state is rebuilt from its batches. */
  static restored(kept: KeptLog, files: LogFiles): ReplicaLog {
    const log = new ReplicaLog(files)
    log.#segments = [...kept.segments]
    log.#logEndOffset = kept.logEndOffset
    log.#flushedOffset = kept.logEndOffset
    log.#logStartOffset = Math.min(kept.logStartOffset, kept.logEndOffset)
    log.#highWatermark = Math.max(log.#logStartOffset, Math.min(kept.highWatermark, kept.logEndOffset))
    log.epochs.restore(kept.epochs, kept.logEndOffset)
    log.#rebuildProducers()
    return log
  }

  get logStartOffset(): number {
    return this.#logStartOffset
  }

  /** Records before it are decided: no open transaction has records below it. */
  get lastStableOffset(): number {
    const first = this.transactions.firstUndecided()
    return Math.min(this.#highWatermark, Math.max(first, this.#logStartOffset))
  }

  get logEndOffset(): number {
    return this.#logEndOffset
  }

  get highWatermark(): number {
    return this.#highWatermark
  }

  /** Records before it survive a crash of the machine (Kafka's recovery point). */
  get flushedOffset(): number {
    return this.#flushedOffset
  }

  /** The number of truncations; a change invalidates everything read before. */
  get cutCount(): number {
    return this.#cutCount
  }

  /** Segments before it are compacted. */
  get cleanedOffset(): number {
    return this.#cleanedOffset
  }

  get segments(): readonly LogSegment[] {
    return this.#segments
  }

  get sizeInBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeInBytes, 0)
  }

  /**
   * Appends a batch; it may leave a gap (compaction does) but must not start below the log end offset. Rolls a new segment when
   * the active one would become too large, or when the batch is more than `segmentMs` later than the segment's first. A closed
   * segment is flushed.
   */
  append(batch: StoredBatch, segmentBytes: number, { segmentMs, flushMessages }: AppendRules = unlimited): void {
    if (batch.baseOffset < this.#logEndOffset) {
      throw new RangeError(
        `A batch with base offset ${batch.baseOffset} cannot be appended: the log end offset is ${this.#logEndOffset}`,
      )
    }
    let active = this.#segments.at(-1) as LogSegment
    const isTooLarge = active.sizeInBytes + batch.bytes.byteLength > segmentBytes
    if (active.batches.length > 0 && (isTooLarge || active.agesBy(batch) > segmentMs)) {
      active = new LogSegment(batch.baseOffset)
      this.#segments.push(active)
      this.flush(batch.baseOffset)
      this.onRolled?.()
    }
    this.#files?.append(active, batch)
    active.append(batch)
    this.#logEndOffset = batch.lastOffset + 1
    this.epochs.assign(batch.leaderEpoch, batch.baseOffset)
    this.#noteProducer(batch)
    if (this.#logEndOffset - this.#flushedOffset >= flushMessages) this.flush()
  }

  /** Whole batches, from the one that contains `offset`; the first may start before `offset`. */
  read(offset: number, { upTo, maxBytes, atLeastOne }: ReadLimits): StoredBatch[] {
    const found: StoredBatch[] = []
    let size = 0
    for (let at = this.#segmentIndex(offset); at < this.#segments.length; at++) {
      const { batches } = this.#segments[at] as LogSegment
      for (let index = found.length === 0 ? this.#startIn(at, offset) : 0; index < batches.length; index++) {
        const batch = batches[index] as StoredBatch
        if (batch.lastOffset >= upTo) return found
        size += batch.bytes.byteLength
        if (size > maxBytes && !(atLeastOne && found.length === 0)) return found
        found.push(batch)
      }
    }
    return found
  }

  /** The end offset of the segment that a read at `offset` starts in; Infinity for the last. A read of Kafka stops there. */
  segmentEndFrom(offset: number): number {
    for (let at = this.#segmentIndex(offset); at < this.#segments.length - 1; at++) {
      const { batches } = this.#segments[at] as LogSegment
      if (this.#startIn(at, offset) < batches.length) return (this.#segments[at + 1] as LogSegment).baseOffset
    }
    return Number.POSITIVE_INFINITY
  }

  /** The bytes of the batches in [from, upTo); stops counting at `enough`. */
  sizeBetween(from: number, upTo: number, enough: number): number {
    let size = 0
    for (let at = this.#segmentIndex(from); at < this.#segments.length; at++) {
      const { batches } = this.#segments[at] as LogSegment
      for (let index = this.#startIn(at, from); index < batches.length; index++) {
        const batch = batches[index] as StoredBatch
        if (batch.lastOffset >= upTo) return size
        size += batch.bytes.byteLength
        if (size >= enough) return size
      }
    }
    return size
  }

  /** All batches in order. */
  *batches(): Generator<StoredBatch> {
    for (const segment of this.#segments) {
      for (const batch of segment.batches) {
        if (batch.lastOffset >= this.#logStartOffset) yield batch
      }
    }
  }

  /** The first batch that ends before `upTo` and may contain a record with a timestamp of `timestamp` or later. */
  batchByTimestamp(timestamp: number, upTo: number): StoredBatch | undefined {
    for (const segment of this.#segments) {
      if (segment.maxTimestamp < timestamp) continue
      for (const batch of segment.batches) {
        if (batch.lastOffset >= upTo) return undefined
        if (batch.maxTimestamp >= timestamp && batch.lastOffset >= this.#logStartOffset) return batch
      }
    }
    return undefined
  }

  /** The first batch with the largest timestamp below `upTo`. As in Kafka, deleted records count while their segment exists. */
  batchOfMaxTimestamp(upTo: number): StoredBatch | undefined {
    let best: StoredBatch | undefined
    for (const segment of this.#segments) {
      if (best !== undefined && segment.maxTimestamp <= best.maxTimestamp) continue
      for (const batch of segment.batches) {
        if (batch.lastOffset >= upTo) return best
        if (batch.maxTimestamp > (best?.maxTimestamp ?? -1)) best = batch
      }
    }
    return best
  }

  endOfEpoch(epoch: number): EpochEnd {
    return this.epochs.endOf(epoch, this.#logEndOffset)
  }

  /** Moves the high watermark forward, at most to the log end offset; true when it moved. */
  advanceHighWatermark(offset: number): boolean {
    const next = Math.min(offset, this.#logEndOffset)
    if (next <= this.#highWatermark) return false
    this.#highWatermark = next
    this.transactions.advance(next)
    return true
  }

  /** Records before `offset` are on disk. */
  flush(offset = this.#logEndOffset): void {
    this.#flushedOffset = Math.max(this.#flushedOffset, Math.min(offset, this.#logEndOffset))
  }

  /** The machine crashed: what was not flushed is lost. */
  loseUnflushed(): void {
    if (this.#flushedOffset < this.#logEndOffset) this.truncateTo(Math.max(this.#flushedOffset, this.#logStartOffset))
  }

  /** Deletes segments by the retention rules. True when the log start offset moved. */
  applyRetention(rules: RetentionRules): boolean {
    const count = segmentsToDelete(this, rules)
    if (count === 0) return false
    if (count === this.#segments.length) this.#segments.push(new LogSegment(this.#logEndOffset))
    this.#segments = this.#segments.slice(count)
    const start = (this.#segments[0] as LogSegment).baseOffset
    const isMoved = start > this.#logStartOffset
    if (isMoved) {
      this.#logStartOffset = start
      this.epochs.truncateFromStart(start)
    }
    this.#files?.changed()
    return isMoved
  }

  /**
   * Replaces the first segments by compacted ones. False, without a change, when the segments were replaced or truncated in the
   * meantime.
   */
  replaceSegments(old: readonly LogSegment[], cleaned: readonly LogSegment[], cutCount: number): boolean {
    if (cutCount !== this.#cutCount || old.some((segment, index) => this.#segments[index] !== segment)) return false
    this.#segments = [...cleaned, ...this.#segments.slice(old.length)]
    this.#cleanedOffset = this.#segments[cleaned.length]?.baseOffset ?? this.#logEndOffset
    this.#files?.changed()
    return true
  }

  /** Removes all batches that end at or after `offset`; they were never committed. */
  truncateTo(offset: number): void {
    this.#cutCount++
    // An epoch that starts at the log end and has no records may also be in conflict.
    if (offset >= this.#logEndOffset) {
      this.epochs.truncateFromEnd(this.#logEndOffset)
      this.#files?.changed()
      return
    }
    if (offset < this.#logStartOffset) {
      this.startFresh(offset)
      return
    }
    while (this.#segments.length > 1 && (this.#segments.at(-1) as LogSegment).baseOffset >= offset) this.#segments.pop()
    const active = this.#segments.at(-1) as LogSegment
    active.truncateTo(offset)
    this.#logEndOffset = Math.min(offset, Math.max(this.#logStartOffset, this.#endAfterTruncation(active, offset)))
    this.#highWatermark = Math.min(this.#highWatermark, this.#logEndOffset)
    this.#flushedOffset = Math.min(this.#flushedOffset, this.#logEndOffset)
    this.#cleanedOffset = Math.min(this.#cleanedOffset, active.baseOffset)
    this.epochs.truncateFromEnd(this.#logEndOffset)
    this.#rebuildProducers()
    this.#files?.changed()
  }

  /** Removes everything; the log continues at `offset`. */
  startFresh(offset: number): void {
    this.#segments = [new LogSegment(offset)]
    this.#logStartOffset = offset
    this.#logEndOffset = offset
    this.#highWatermark = offset
    this.#flushedOffset = offset
    this.#cleanedOffset = 0
    this.#cutCount++
    this.epochs.clear()
    this.producers.clear()
    this.transactions.clear()
    this.#files?.changed()
  }

  /** Deletes records before `offset` and frees whole segments before it. True when the log start offset moved. */
  advanceLogStart(offset: number): boolean {
    if (offset <= this.#logStartOffset) return false
    if (offset > this.#logEndOffset) {
      this.startFresh(offset)
      return true
    }
    this.#logStartOffset = offset
    while (this.#segments.length > 1 && (this.#segments[1] as LogSegment).baseOffset <= offset) this.#segments.shift()
    this.#highWatermark = Math.max(this.#highWatermark, offset)
    this.transactions.dropBefore(offset)
    this.epochs.truncateFromStart(offset)
    this.#files?.changed()
    return true
  }

  /** Replaces the content with a deep copy of another log. */
  copyFrom(other: ReplicaLog): void {
    this.#segments = other.#segments.map((segment) => segment.copy())
    this.#logStartOffset = other.#logStartOffset
    this.#logEndOffset = other.#logEndOffset
    this.#highWatermark = other.#highWatermark
    this.#flushedOffset = other.#flushedOffset
    this.#cleanedOffset = other.#cleanedOffset
    this.#cutCount++
    this.epochs.copyFrom(other.epochs)
    this.producers.copyFrom(other.producers)
    this.transactions.copyFrom(other.transactions)
    this.#files?.changed()
  }

  /** A truncation inside a batch removes the whole batch, so the log may end before `offset`. */
  #endAfterTruncation(active: LogSegment, offset: number): number {
    const last = active.batches.at(-1)
    if (last !== undefined) return last.lastOffset + 1
    return active === this.#segments[0] ? Math.min(offset, active.baseOffset) : active.baseOffset
  }

  #rebuildProducers(): void {
    this.producers.clear()
    this.transactions.clear()
    for (const batch of this.batches()) this.#noteProducer(batch)
    this.transactions.advance(this.#highWatermark)
  }

  #noteProducer(batch: StoredBatch): void {
    const { sequenced, transactional } = batch
    if (sequenced !== undefined) this.producers.note(sequenced)
    if (transactional === undefined) return
    const { producerId, producerEpoch } = transactional
    if (sequenced === undefined) this.producers.noteEpoch(producerId, producerEpoch, batch.maxTimestamp)
    this.transactions.note(transactional, batch)
  }

  /** The index of the segment that contains `offset`, or of the first. */
  #segmentIndex(offset: number): number {
    let low = 0
    let high = this.#segments.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#segments[middle] as LogSegment).baseOffset <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  #startIn(segmentIndex: number, offset: number): number {
    return (this.#segments[segmentIndex] as LogSegment).indexOf(offset)
  }
}

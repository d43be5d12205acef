import type { DoneAhead, DoneRunEpoch } from './ahead-codec.ts'
import { inOrder, type OffsetRange, OffsetRanges } from './offset-ranges.ts'
import { type Position, unknownPosition } from './position.ts'

/**
 * What became of the records of one partition: delivered, processed, committed. Each delivered offset is in one of two sets until it
 * is processed: in the application's hands, or returned by it and to be delivered again. Everything else before the frontier is
 * processed or not deliverable (control batches, aborted and compacted records), so the lowest undone offset needs no other state.
 */
export class Progress {
  /** The next offset that was never delivered, with the epoch of what is before it. Both change in `#advance` only. */
  #frontier = -1
  #frontierEpoch = -1
  /** The item that was handed out last, apart from `#handed`: a loop over messages needs no set. */
  #itemStart = -1
  #itemEnd = -1
  #itemEpochBefore = -1
  #itemEpoch = -1
  readonly #handed = new OffsetRanges()
  readonly #returned = new OffsetRanges()
  /** Where reading began: before anything is processed there is nothing to commit by hand. */
  #base = -1
  #committed = -1
  /** Commits that the application did not make itself must be beyond this offset. */
  #floor = -1
  /** The start that the reset policy chose, until a commit is stored. */
  #policyStart: Position | undefined
  /** The last commit was one of the progress: it may follow over what has no record to deliver. */
  #follows = false
  /** What was skipped last, in sequence. */
  #skippedFrom = -1
  #skippedTo = -1
  /** Commits store what is processed above their offset: items are processed in another order than that of the log. */
  #storesAhead = false
  /** The broker refuses the metadata. */
  #isAheadRefused = false
  /** Counts what was processed, so that a commit at the same offset is written only for more above it. */
  #settledCount = 0
  #storedCount = 0

  /** The next offset to deliver; offset -1: unknown. */
  get position(): Position {
    const first = this.#returned.first
    return first === undefined ? this.#frontierPosition() : { offset: first.start, epoch: first.epochBefore }
  }

  /** The next offset that was never delivered; `position` is before it where items were given back. */
  get frontier(): Position {
    return this.#frontierPosition()
  }

  /** The offset of `position`, without an object. */
  get next(): number {
    return this.#returned.first?.start ?? this.#frontier
  }

  get isKnown(): boolean {
    return this.#frontier >= 0
  }

  /** Everything before it is processed. */
  get lowestUndone(): Position {
    let lowest = this.#returned.first
    const handed = this.#handed.first
    if (handed !== undefined && (lowest === undefined || handed.start < lowest.start)) lowest = handed
    if (this.#itemStart >= 0 && (lowest === undefined || this.#itemStart < lowest.start)) {
      return { offset: this.#itemStart, epoch: this.#itemEpochBefore }
    }
    return lowest === undefined ? this.#frontierPosition() : { offset: lowest.start, epoch: lowest.epochBefore }
  }

  /** The committed offset, as far as this consumer knows; -1: none. */
  get committed(): number {
    return this.#committed
  }

  /** The ranges to deliver from a batch of these offsets, where it is not simply everything from the position on. */
  wanted(start: number, end: number): OffsetRanges | undefined {
    const first = this.#returned.first
    if (first === undefined || (this.#returned.size === 1 && first.end === this.#frontier)) return undefined
    const wanted = new OffsetRanges()
    for (const range of this.#returned) {
      if (range.end <= start || range.start >= end) continue
      wanted.add({ ...range, start: Math.max(start, range.start), end: Math.min(end, range.end) })
    }
    const from = Math.max(start, this.#frontier)
    if (from < end) wanted.add({ start: from, end, epochBefore: -1, epoch: -1 })
    return wanted
  }

  // ---- moving

  /** Starts at an offset: that of a commit, of the assignment, or of a seek. Earlier items are no longer part of the progress. */
  start({ offset, epoch }: Position): void {
    this.#forgetItems()
    this.#advance(offset, epoch)
    this.#base = offset
    this.#floor = -1
    this.#policyStart = undefined
    this.#follows = false
    this.#storesAhead = false
    this.#storedCount = this.#settledCount
  }

  /** The start was chosen by the reset policy. */
  startByPolicy(position: Position): void {
    this.start(position)
    this.#policyStart = position
  }

  /** The position is left for one that is not known yet: until the next start there is no progress to commit. */
  leave(): void {
    this.start(unknownPosition)
  }

  /** What was delivered from this position on counts as never delivered. Only while nothing of it is committed. */
  rewind({ offset, epoch }: Position): void {
    if (offset >= this.#frontier) return
    this.#forgetItems()
    this.#advance(offset, epoch)
    this.#base = Math.min(this.#base, offset)
  }

  /** The topic is another one: neither the position nor the commit belongs to it. Unknown until the next start. */
  forget(): void {
    this.start(unknownPosition)
    this.#committed = -1
  }

  /** The log lost the position. Items in the application's hands stay undone until they are settled, those from `offset` on are gone. */
  reset({ offset, epoch }: Position): void {
    this.#saveItem()
    this.#handed.remove(offset, Number.POSITIVE_INFINITY)
    this.#returned.clear()
    this.#advance(offset, epoch)
    this.#base = Math.min(this.#base, offset)
    if (this.#floor > offset) this.#floor = -1
    if (this.#policyStart !== undefined) this.#policyStart = { offset, epoch }
  }

  /**
   * The log was cut: what this consumer has from `offset` on is gone, and other records may follow there. Returns whether any of it
   * was delivered. Unlike after `reset`, records before the cut are still there and are delivered again if they were given back.
   */
  truncate({ offset, epoch }: Position): boolean {
    if (offset >= this.#frontier) return false
    this.#saveItem()
    this.#handed.remove(offset, Number.POSITIVE_INFINITY)
    this.#returned.remove(offset, Number.POSITIVE_INFINITY)
    this.#advance(offset, epoch)
    this.#base = Math.min(this.#base, offset)
    if (this.#floor > offset) this.#floor = -1
    return true
  }

  /** Moves over offsets without deliverable records. */
  skip(to: number, epoch: number): void {
    this.#returned.remove(0, Math.min(to, this.#frontier))
    if (to <= this.#frontier) return
    if (this.#skippedTo !== this.#frontier) this.#skippedFrom = this.#frontier
    this.#skippedTo = to
    this.#advance(to, epoch)
  }

  /** Starts at a commit that says what is processed above its offset: only the rest before that is delivered. */
  restore({ runs, epoch }: DoneAhead): void {
    const last = runs.at(-1)
    if (last === undefined || this.#frontier < 0) return
    let { offset: start, epoch: epochBefore } = this.#frontierPosition()
    for (const run of runs) {
      this.#returned.add({ start, end: run.start, epochBefore, epoch: -1 })
      start = run.end
      epochBefore = -1
    }
    this.#advance(last.end, epoch)
    this.storeAhead()
    this.#storedCount = this.#settledCount
  }

  // ---- items

  /** The application receives the records from `start` to before `end`. */
  hand(start: number, end: number, epoch: number): void {
    if (this.#itemStart >= 0) this.#saveItem()
    let epochBefore = this.#frontierEpoch
    if (start < this.#frontier) epochBefore = this.#takeReturned(start, end)
    this.#itemStart = start
    this.#itemEnd = end
    this.#itemEpochBefore = epochBefore
    this.#itemEpoch = epoch
    if (end > this.#frontier) this.#advance(end, epoch)
  }

  /** The application receives further records of the same item. */
  extend(start: number, end: number, epoch: number): void {
    const isNext = start === this.#itemEnd && epoch === this.#itemEpoch && this.#itemStart >= 0
    if (!isNext || start < this.#frontier) {
      this.hand(start, end, epoch)
      return
    }
    this.#itemEnd = end
    this.#advance(end, epoch)
  }

  /** Hands out several ranges together: those of a batch of which a part is processed already. */
  handAll(ranges: Iterable<OffsetRange>, end: number, epoch: number): void {
    this.#saveItem()
    let epochBefore = this.#frontierEpoch
    for (const range of ranges) {
      // A range may begin with records that were delivered before and returned.
      if (range.start < this.#frontier)
        for (const part of this.#returned.remove(range.start, range.end)) this.#handed.add(part)
      const start = Math.max(range.start, this.#frontier)
      if (start >= range.end) continue
      this.#handed.add({ start, end: range.end, epochBefore, epoch })
      epochBefore = epoch
    }
    if (end > this.#frontier) this.#advance(end, epoch)
  }

  /** The records from `start` to before `end` are processed. Returns whether any was in the application's hands or returned by it. */
  settle(start: number, end: number): boolean {
    if (start === this.#itemStart && end === this.#itemEnd) {
      this.#itemStart = -1
      this.#settledCount++
      return true
    }
    this.#settledCount++
    this.#saveItem()
    const handed = this.#handed.remove(start, end).length > 0
    return this.#returned.remove(start, end).length > 0 || handed
  }

  /** Whether the application still has to process any of these records. */
  isHanded(start: number, end: number): boolean {
    if (this.#itemStart >= 0 && this.#itemStart < end && this.#itemEnd > start) return true
    return this.#handed.overlaps(start, end)
  }

  /** Marks what was handed out before `end` as processed too: a loop has passed it. */
  settleBefore(end: number): void {
    this.#saveItem()
    this.#handed.remove(0, end)
  }

  /** The records from `start` to before `end` that are not processed will be delivered again. */
  giveBack(start: number, end: number): void {
    this.#saveItem()
    for (const part of this.#handed.remove(start, end)) this.#returned.add(part)
  }

  // ---- commits

  /** The group's commit as the coordinator reports it. */
  foundCommit(offset: number): void {
    this.#committed = offset
  }

  /** A commit of the progress was stored, with what `aheadCount` stood for when it was written. */
  stored(offset: number, aheadCount = -1): void {
    this.#storedCount = Math.max(this.#storedCount, aheadCount)
    this.#committed = offset
    this.#policyStart = undefined
    this.#follows = true
  }

  /** A commit of the application at an offset of its choice was stored: it stands until the progress is beyond it. */
  storedExplicitly(offset: number): void {
    this.#committed = offset
    this.#policyStart = undefined
    this.#follows = false
    this.#floor = Math.max(offset, this.lowestUndone.offset)
  }

  /** What to commit; undefined: nothing new. `namedOnly`: a start without anything processed is not progress (mode 'manual'). */
  pending(namedOnly: boolean): Position | undefined {
    if (this.#frontier < 0) return undefined
    const undone = this.lowestUndone
    const { offset } = undone
    const isStored = offset === this.#committed && !this.#hasNewAhead(offset)
    if (isStored || (this.#floor >= 0 && offset <= this.#floor)) return undefined
    if (namedOnly && offset <= this.#base && !this.#hasNewAhead(offset)) return undefined
    return undone
  }

  /** From now on commits of the progress store what is processed above their offset. */
  storeAhead(): void {
    this.#storesAhead = true
  }

  /** The broker does not store the metadata: commits have the offset alone. */
  refuseAhead(): void {
    this.#isAheadRefused = true
  }

  /** For a commit at the lowest undone offset: identifies what `doneAhead` returned. -1: commits have no metadata. */
  get aheadCount(): number {
    return this.#storesAhead && !this.#isAheadRefused ? this.#settledCount : -1
  }

  /** What is processed above the lowest undone offset. */
  *doneAhead(): Generator<DoneRunEpoch> {
    this.#saveItem()
    let start = -1
    for (const undone of inOrder(this.#handed, this.#returned)) {
      if (start >= 0 && undone.start > start) yield { start, end: undone.start, epoch: undone.epochBefore }
      start = undone.end
    }
    if (start >= 0 && start < this.#frontier) yield { start, end: this.#frontier, epoch: this.#frontierEpoch }
  }

  /** The start, where it was chosen by the reset policy and is not committed yet. */
  get uncommittedStart(): Position | undefined {
    return this.#policyStart
  }

  /**
   * Everything delivered is committed, and only control batches, aborted and compacted records follow: the commit may move behind them
   * without a call of the application, so that a group that has read everything has no lag.
   */
  get uncommittedTail(): Position | undefined {
    const isBehind = this.#committed >= this.#skippedFrom && this.#committed < this.#frontier
    if (!this.#follows || !isBehind || this.#skippedTo !== this.#frontier) return undefined
    const { lowestUndone } = this
    return lowestUndone.offset === this.#frontier ? lowestUndone : undefined
  }

  // ---- inside

  #hasNewAhead(lowestUndone: number): boolean {
    return this.aheadCount > this.#storedCount && lowestUndone < this.#frontier
  }

  #frontierPosition(): Position {
    return this.#frontier < 0 ? unknownPosition : { offset: this.#frontier, epoch: this.#frontierEpoch }
  }

  /** The only writer of the frontier: offset and epoch always change together. */
  #advance(offset: number, epoch: number): void {
    this.#frontier = offset
    this.#frontierEpoch = epoch
  }

  #forgetItems(): void {
    this.#itemStart = -1
    this.#handed.clear()
    this.#returned.clear()
  }

  #saveItem(): void {
    if (this.#itemStart < 0) return
    const start = this.#itemStart
    this.#itemStart = -1
    this.#handed.add({ start, end: this.#itemEnd, epochBefore: this.#itemEpochBefore, epoch: this.#itemEpoch })
  }

  /** Offsets before the one that is delivered have no record any more: compaction or retention removed them. */
  #takeReturned(start: number, end: number): number {
    const parts = this.#returned.remove(0, end)
    return parts.find((part) => part.end > start)?.epochBefore ?? this.#frontierEpoch
  }
}

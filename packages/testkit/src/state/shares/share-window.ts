import type { InFlightBatch, InFlightState, MakeLock, RecordState } from './share-in-flight.ts'
import { isTerminal } from './share-in-flight.ts'

/** A gap between batches from the persister: its records were fetched before, but their state is unknown. */
interface GapWindow {
  readonly endOffset: number
  startOffset: number
}

/** The records in flight of a share partition: from its start offset (SPSO) to its end offset (SPEO). */
export class ShareWindow {
  /** Sorted by first offset, without overlap. */
  readonly batches: InFlightBatch[] = []
  #startOffset = 0
  /** The last fetched offset; without records in flight, the next one to fetch. */
  endOffset = 0
  /** Records before the end offset may be available again. */
  seeksAvailable = false
  /** The number of records from the start offset on in a final state. */
  completeCount = 0
  #gap: GapWindow | undefined
  readonly #makeLock: MakeLock
  readonly #nowMs: () => number

  constructor(makeLock: MakeLock, nowMs: () => number) {
    this.#makeLock = makeLock
    this.#nowMs = nowMs
  }

  get startOffset(): number {
    return this.#startOffset
  }

  set startOffset(offset: number) {
    this.#startOffset = offset
  }

  get length(): number {
    return this.batches.length === 0 ? 0 : this.endOffset - this.#startOffset + 1
  }

  get lastBatch(): InFlightBatch | undefined {
    return this.batches.at(-1)
  }

  get isGapOpen(): boolean {
    return this.#gap?.endOffset === this.endOffset
  }

  /** The persister's batches leave a gap. */
  openGap(startOffset: number): void {
    this.#gap = { endOffset: this.endOffset, startOffset }
  }

  /** Records before `offset` were acquired. */
  closeGapUpTo(offset: number): void {
    const gap = this.#gap
    if (gap === undefined) return
    if (this.isGapOpen && offset <= gap.endOffset) gap.startOffset = offset
    else this.#gap = undefined
  }

  split(batch: InFlightBatch): void {
    batch.split(this.#makeLock, this.#nowMs())
  }

  /** The last batch that starts at or before an offset. */
  floor(offset: number): InFlightBatch | undefined {
    return this.batches[this.#indexAfter(offset) - 1]
  }

  /** The batches that start in an offset range. */
  from(firstOffset: number, lastOffset: number): InFlightBatch[] {
    return this.batches.slice(this.#indexAfter(firstOffset - 1), this.#indexAfter(lastOffset))
  }

  add(batch: InFlightBatch): void {
    const index = this.#indexAfter(batch.firstOffset)
    const same = this.batches[index - 1]?.firstOffset === batch.firstOffset
    this.batches.splice(same ? index - 1 : index, same ? 1 : 0, batch)
  }

  /** The offset of the next fetch. */
  nextFetchOffset(): number {
    const last = this.lastBatch
    if (last === undefined || this.#startOffset > last.lastOffset) {
      this.seeksAvailable = false
      return this.endOffset
    }
    if (!this.seeksAvailable) return this.endOffset + 1
    const found = this.#firstAvailable()
    if (found !== undefined) return found
    this.seeksAvailable = false
    return this.endOffset + 1
  }

  /** Whether the start offset is inside a range, but not its first offset. */
  beginsWithin(firstOffset: number, lastOffset: number): boolean {
    return firstOffset < this.#startOffset && lastOffset >= this.#startOffset
  }

  /** The number of records of a range at or after the start offset. */
  countFromStart(firstOffset: number, lastOffset: number): number {
    return lastOffset >= this.#startOffset ? lastOffset - Math.max(this.#startOffset, firstOffset) + 1 : 0
  }

  /** Moves the start offset past records in a final state; true when it moved. */
  advanceStart(): boolean {
    if (!this.#canAdvance()) return false
    const { lastDone, count } = this.#done()
    const last = this.lastBatch
    if (lastDone === -1 || last === undefined) return false
    if (lastDone === last.lastOffset) {
      this.#startOffset = lastDone + 1
      this.endOffset = lastDone + 1
      this.batches.length = 0
      this.completeCount = 0
      return true
    }
    const batch = this.floor(lastDone) as InFlightBatch
    const index = this.batches.indexOf(batch)
    const isWhole = lastDone === batch.lastOffset
    const next = isWhole ? (this.batches[index + 1] as InFlightBatch).firstOffset : lastDone + 1
    this.#startOffset = Math.max(this.#startOffset, next)
    if (isWhole && this.isGapOpen) this.#startOffset = Math.min(this.#gap?.startOffset ?? 0, this.#startOffset)
    this.completeCount -= count
    this.batches.splice(0, isWhole ? index + 1 : index)
    return true
  }

  /** Records before `offset` were deleted from the log. */
  logStartMoved(offset: number): void {
    if (offset <= this.#startOffset) return
    if (this.batches.length === 0) {
      this.#startOffset = offset
      this.endOffset = offset
      this.completeCount = 0
      return
    }
    const done = this.#countDoneBefore(offset)
    if (this.archive(this.batches, this.#startOffset, offset - 1, { from: 'available', counts: false })) {
      this.seeksAvailable = true
    }
    this.#startOffset = offset
    this.completeCount -= done
    if (this.endOffset < offset) this.endOffset = offset
  }

  /** Archives the records of an offset range that are in a given state; true when there were some. */
  archive(
    batches: readonly InFlightBatch[],
    firstOffset: number,
    lastOffset: number,
    { from, counts }: { readonly from: RecordState; readonly counts: boolean },
  ): boolean {
    let isAny = false
    for (const batch of batches) {
      if (batch.firstOffset > lastOffset) break
      const whole = batch.whole
      if (whole !== undefined && whole.state !== from) continue
      if (whole !== undefined && batch.isWithin(firstOffset, lastOffset)) {
        whole.archive()
        if (counts) this.completeCount += batch.length
        isAny = true
        continue
      }
      this.split(batch)
      for (const [, state] of batch.states(firstOffset, lastOffset)) {
        if (state.state !== from) continue
        state.archive()
        if (counts) this.completeCount++
        isAny = true
      }
    }
    return isAny
  }

  dropLocks(): void {
    for (const batch of this.batches) batch.dropLocks()
  }

  #firstAvailable(): number | undefined {
    let gapStart = this.isGapOpen ? (this.#gap?.startOffset ?? -1) : -1
    for (const batch of this.batches) {
      if (this.isGapOpen) {
        if (batch.firstOffset > gapStart) return gapStart
        gapStart = Math.max(batch.lastOffset + 1, gapStart)
      }
      if (batch.whole !== undefined) {
        if (batch.whole.isAvailable) return batch.firstOffset
        continue
      }
      for (const [offset, state] of batch.states()) if (state.isAvailable) return offset
    }
    return undefined
  }

  #canAdvance(): boolean {
    const batch = this.floor(this.#startOffset)
    if (batch === undefined || (batch.whole === undefined && this.#startOffset > batch.lastOffset)) return false
    const state = batch.stateAt(this.#startOffset)
    return !state.isChanging && isTerminal(state.state)
  }

  /** The last of the leading records in a final state, and how many of them are at or after the start offset. */
  #done(): { readonly lastDone: number; readonly count: number } {
    let lastDone = -1
    let count = 0
    const isDone = (state: InFlightState) => !state.isChanging && isTerminal(state.state)
    for (const batch of this.batches) {
      if (this.isGapOpen && batch.lastOffset >= (this.#gap?.startOffset ?? 0)) return { lastDone, count }
      if (batch.whole !== undefined) {
        if (!isDone(batch.whole)) return { lastDone, count }
        lastDone = batch.lastOffset
        count += this.countFromStart(batch.firstOffset, batch.lastOffset)
        continue
      }
      for (const [offset, state] of batch.states()) {
        if (!isDone(state)) return { lastDone, count }
        lastDone = offset
        if (offset >= this.#startOffset) count++
      }
    }
    return { lastDone, count }
  }

  #countDoneBefore(offset: number): number {
    let count = 0
    for (const batch of this.batches) {
      if (batch.firstOffset >= offset) break
      for (const [, { state }] of batch.states(this.#startOffset, offset - 1)) if (isTerminal(state)) count++
    }
    return count
  }

  #indexAfter(offset: number): number {
    let low = 0
    let high = this.batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.batches[middle] as InFlightBatch).firstOffset <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

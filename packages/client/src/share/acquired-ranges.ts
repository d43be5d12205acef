/** Offsets, the last one included. */
export interface OffsetSpan {
  readonly firstOffset: number
  readonly lastOffset: number
}

interface WireRange {
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly deliveryCount: number
}

interface Range {
  next: number
  readonly last: number
  readonly deliveryCount: number
}

/** The offsets that a response says are acquired, walked through once, in ascending order. */
export class AcquiredRanges {
  readonly #ranges: Range[]
  #at = 0

  constructor(ranges: readonly WireRange[]) {
    this.#ranges = ranges
      .map(({ firstOffset, lastOffset, deliveryCount }) => ({
        ...{ next: Number(firstOffset), last: Number(lastOffset), deliveryCount },
      }))
      .sort((a, b) => a.next - b.next)
  }

  overlaps(first: number, last: number): boolean {
    return this.#ranges.some((range) => range.next <= last && range.last >= first)
  }

  /** Moves over the offset; returns its delivery count where it is acquired. To call after `upTo(offset - 1)`. */
  take(offset: number): number | undefined {
    const range = this.#ranges[this.#at]
    if (range === undefined || range.next !== offset) return undefined
    range.next++
    this.#drop(range)
    return range.deliveryCount
  }

  /** Moves over the offsets up to this one, and returns those that are acquired. */
  upTo(offset: number): OffsetSpan[] {
    const spans: OffsetSpan[] = []
    for (
      let range = this.#ranges[this.#at];
      range !== undefined && range.next <= offset;
      range = this.#ranges[this.#at]
    ) {
      const lastOffset = Math.min(range.last, offset)
      spans.push({ firstOffset: range.next, lastOffset })
      range.next = lastOffset + 1
      if (!this.#drop(range)) break
    }
    return spans
  }

  rest(): OffsetSpan[] {
    return this.upTo(Number.POSITIVE_INFINITY)
  }

  #drop(range: Range): boolean {
    if (range.next <= range.last) return false
    this.#at++
    return true
  }
}

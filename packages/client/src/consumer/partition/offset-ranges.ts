/** Offsets from `start` to before `end`, all of one leader epoch. */
export interface OffsetRange {
  readonly start: number
  readonly end: number
  /** The leader epoch of the record before `start`; -1: unknown. */
  readonly epochBefore: number
  /** The leader epoch of the records in the range. */
  readonly epoch: number
}

/** A set of offsets as ascending, disjoint ranges. Adding at the end and removing at the front cost constant time. */
export class OffsetRanges implements Iterable<OffsetRange> {
  #ranges: OffsetRange[] = []
  /** Ranges before this index are removed: shifting an array of thousands for each record would be quadratic. */
  #head = 0

  /** The lowest range. */
  get first(): OffsetRange | undefined {
    return this.#ranges[this.#head]
  }

  get size(): number {
    return this.#ranges.length - this.#head
  }

  has(offset: number): boolean {
    const range = this.#ranges[this.#indexOf(offset)]
    return range !== undefined && range.start <= offset
  }

  /** Whether any offset from `start` to before `end` is in the set. */
  overlaps(start: number, end: number): boolean {
    const range = this.#ranges[this.#indexOf(start)]
    return range !== undefined && range.start < end
  }

  /** Adds a range that does not overlap with those of the set. */
  add(range: OffsetRange): void {
    const ranges = this.#ranges
    const last = ranges.length > this.#head ? ranges.at(-1) : undefined
    if (last === undefined || last.end <= range.start) {
      if (last !== undefined && joins(last, range)) ranges[ranges.length - 1] = { ...last, end: range.end }
      else ranges.push(range)
      return
    }
    const at = this.#indexOf(range.start)
    const before = at > this.#head ? ranges[at - 1] : undefined
    const after = ranges[at]
    if (after !== undefined && after.start < range.end) throw new Error(`the offsets from ${range.start} overlap`)
    if (before !== undefined && joins(before, range)) ranges[at - 1] = { ...before, end: range.end }
    else ranges.splice(at, 0, range)
  }

  /** Removes the offsets from `start` to before `end`; returns the parts that were in the set. */
  remove(start: number, end: number): OffsetRange[] {
    const removed: OffsetRange[] = []
    for (let at = this.#indexOf(start); ; ) {
      const range = this.#ranges[at]
      if (range === undefined || range.start >= end) return removed
      const from = Math.max(range.start, start)
      const to = Math.min(range.end, end)
      removed.push({
        ...range,
        start: from,
        end: to,
        epochBefore: from === range.start ? range.epochBefore : range.epoch,
      })
      const left = from > range.start ? [{ ...range, end: from }] : []
      const right = to < range.end ? [{ ...range, start: to, epochBefore: range.epoch }] : []
      if (left.length + right.length > 0) {
        this.#ranges.splice(at, 1, ...left, ...right)
        at += left.length + right.length
      } else if (at === this.#head) at = this.#dropFirst()
      else this.#ranges.splice(at, 1)
    }
  }

  clear(): void {
    if (this.#ranges.length > 0) this.#ranges = []
    this.#head = 0
  }

  *[Symbol.iterator](): Generator<OffsetRange> {
    for (let at = this.#head; at < this.#ranges.length; at++) yield this.#ranges[at]!
  }

  /** Returns the index of the range that is the first one then. */
  #dropFirst(): number {
    this.#head++
    if (this.#head * 2 > this.#ranges.length) {
      this.#ranges.splice(0, this.#head)
      this.#head = 0
    }
    return this.#head
  }

  /** The index of the first range that ends after `offset`. */
  #indexOf(offset: number): number {
    let low = this.#head
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranges[middle]!.end <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The ranges of two disjoint sets, ascending. */
export function* inOrder(first: OffsetRanges, second: OffsetRanges): Generator<OffsetRange> {
  const others = second[Symbol.iterator]()
  let other = others.next()
  for (const range of first) {
    for (; other.done !== true && other.value.start < range.start; other = others.next()) yield other.value
    yield range
  }
  for (; other.done !== true; other = others.next()) yield other.value
}

function joins(left: OffsetRange, right: OffsetRange): boolean {
  return left.end === right.start && left.epoch === right.epoch
}

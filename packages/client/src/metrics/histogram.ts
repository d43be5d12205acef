/** What a histogram measures. Each unit has its own fixed bounds. */
export type HistogramUnit = 'ms' | 'bytes' | 'records' | 'ratio'

/** `count` bounds from `first` on, `perDoubling` of them for each doubling. */
function exponential(first: number, count: number, perDoubling: number): readonly number[] {
  return Object.freeze(Array.from({ length: count }, (_, at) => first * 2 ** (at / perDoubling)))
}

/**
 * The upper bounds of the buckets, inclusive. They never depend on the values, so that histograms of one unit can be added. They are
 * those of OpenTelemetry's exponential histograms of scale 0 (ratio: scale 1).
 */
export const boundsOf: Readonly<Record<HistogramUnit, readonly number[]>> = Object.freeze({
  // 0.25 ms, 0.5 ms … 35 min
  ms: exponential(0.25, 24, 1),
  // 64 B, 128 B … 64 MiB
  bytes: exponential(64, 21, 1),
  // 1, 2, 4 … 131 072
  records: exponential(1, 18, 1),
  // 0.5, 0.71, 1, 1.41, 2 … 64
  ratio: exponential(0.5, 15, 2),
})

/** Counts by bucket. Those of one unit can be added: `sumHistograms`. */
export interface HistogramValue {
  /** Values up to each bound of the family and above the previous one; last, those above all bounds. */
  readonly counts: readonly number[]
  /** Of all values. */
  readonly sum: number
  /** How many values. */
  readonly count: number
}

/** A histogram with the fixed bounds of its unit. */
export class Histogram {
  readonly bounds: readonly number[]
  readonly #bucketOf: (bounds: readonly number[], value: number) => number
  readonly #counts: Float64Array
  #sum = 0
  #count = 0
  #max = 0

  constructor(unit: HistogramUnit) {
    this.bounds = boundsOf[unit]
    this.#bucketOf = unit === 'ratio' ? searchedBucket : doubledBucket
    this.#counts = new Float64Array(this.bounds.length + 1)
  }

  get count(): number {
    return this.#count
  }

  get sum(): number {
    return this.#sum
  }

  get max(): number {
    return this.#max
  }

  record(value: number): void {
    this.#counts[this.#bucketOf(this.bounds, value)]!++
    this.#count++
    this.#sum += value
    if (value > this.#max) this.#max = value
  }

  /** Adds all values of another histogram of the same unit. */
  add(other: Histogram): void {
    for (let at = 0; at < this.#counts.length; at++) this.#counts[at]! += other.#counts[at]!
    this.#sum += other.#sum
    this.#count += other.#count
    this.#max = Math.max(this.#max, other.#max)
  }

  value(): HistogramValue {
    return { counts: Array.from(this.#counts), sum: this.#sum, count: this.#count }
  }
}

/** The index of the first bound that is not below the value, where each bound is twice the one before: without a search. */
function doubledBucket(bounds: readonly number[], value: number): number {
  const steps = Math.ceil(value / bounds[0]!)
  if (steps <= 1) return 0
  return steps > 0x7fff_ffff ? bounds.length : Math.min(bounds.length, 32 - Math.clz32(steps - 1))
}

/** The same for any bounds. */
function searchedBucket(bounds: readonly number[], value: number): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (value <= bounds[middle]!) high = middle
    else low = middle + 1
  }
  return low
}

/** The sum of histograms of one family: of several clients, topics, brokers or processes. */
export function sumHistograms(values: Iterable<HistogramValue>): HistogramValue {
  const counts: number[] = []
  let sum = 0
  let count = 0
  for (const value of values) {
    for (const [at, amount] of value.counts.entries()) counts[at] = (counts[at] ?? 0) + amount
    sum += value.sum
    count += value.count
  }
  return { counts, sum, count }
}

/**
 * An upper bound of a quantile: of the median with share 0.5. Infinity where the value is above all bounds; 0 without values. `bounds` are
 * those of the family.
 */
export function quantileOf(bounds: readonly number[], { counts, count }: HistogramValue, share: number): number {
  if (count === 0) return 0
  let left = Math.max(1, Math.ceil(share * count))
  for (let bucket = 0; bucket < bounds.length; bucket++) {
    left -= counts[bucket] ?? 0
    if (left <= 0) return bounds[bucket]!
  }
  return Number.POSITIVE_INFINITY
}

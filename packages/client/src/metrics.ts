/** A number that only increases. */
export interface Counter {
  add(amount: number): void
  readonly value: number
}

/** The requests of one API. Latencies are in ms, from the write of the request to its response. */
export interface ApiMetrics {
  readonly requests: number
  readonly errors: number
  readonly averageMs: number
  readonly maxMs: number
  /** Upper bound of the median, precise to a power of two. */
  readonly p50Ms: number
  /** Upper bound of the 99th percentile, precise to a power of two. */
  readonly p99Ms: number
}

export interface MetricsSnapshot {
  readonly counters: Readonly<Record<string, number>>
  readonly gauges: Readonly<Record<string, number>>
  readonly apis: Readonly<Record<string, ApiMetrics>>
}

/** The state of a producer, a consumer or the connections, for a health probe. */
export interface HealthReport {
  readonly kind: string
  readonly name: string
  readonly healthy: boolean
  readonly details: Readonly<Record<string, string | number | boolean>>
}

/** Counters and gauges of one client and its children. Counting costs an addition; all else is computed by `snapshot`. */
export class Metrics {
  readonly #counters = new Map<string, SimpleCounter>()
  readonly #gauges = new Map<string, Set<() => number>>()
  readonly #apis = new Map<string, ApiTimes>()
  readonly #reporters = new Set<() => HealthReport>()

  /** The counter of that name, created by the first call. Keep the result, to save the look-up. */
  counter(name: string): Counter {
    let counter = this.#counters.get(name)
    if (counter === undefined) {
      counter = new SimpleCounter()
      this.#counters.set(name, counter)
    }
    return counter
  }

  /** Registers a gauge; several of one name are summed. Returns a function that removes it. */
  gauge(name: string, read: () => number): () => void {
    let readers = this.#gauges.get(name)
    if (readers === undefined) {
      readers = new Set()
      this.#gauges.set(name, readers)
    }
    readers.add(read)
    const registered = readers
    return () => {
      registered.delete(read)
      if (registered.size === 0 && this.#gauges.get(name) === registered) this.#gauges.delete(name)
    }
  }

  /** Registers a part of `kafka.health()`. Returns a function that removes it. */
  health(report: () => HealthReport): () => void {
    this.#reporters.add(report)
    return () => this.#reporters.delete(report)
  }

  /** The latencies of one API, created by the first call. Keep the result, to save the look-up. */
  api(name: string): ApiTimes {
    let times = this.#apis.get(name)
    if (times === undefined) {
      times = new ApiTimes()
      this.#apis.set(name, times)
    }
    return times
  }

  snapshot(): MetricsSnapshot {
    const counters: Record<string, number> = Object.create(null)
    const gauges: Record<string, number> = Object.create(null)
    const apis: Record<string, ApiMetrics> = Object.create(null)
    for (const [name, counter] of this.#counters) counters[name] = counter.value
    for (const [name, readers] of this.#gauges) {
      let sum = 0
      for (const read of readers) sum += read()
      gauges[name] = sum
    }
    for (const [name, times] of this.#apis) apis[name] = times.summary()
    return { counters, gauges, apis }
  }

  healthReports(): HealthReport[] {
    return Array.from(this.#reporters, (report) => report())
  }
}

class SimpleCounter implements Counter {
  value = 0

  add(amount: number): void {
    this.value += amount
  }
}

const buckets = 24

/** A histogram of the latencies of one API. The bounds of its buckets double: 0.25 ms, 0.5 ms … about 35 minutes. */
export class ApiTimes {
  requests = 0
  errors = 0
  #totalMs = 0
  #maxMs = 0
  readonly #counts = new Uint32Array(buckets)

  succeeded(durationMs: number): void {
    this.requests++
    this.#totalMs += durationMs
    if (durationMs > this.#maxMs) this.#maxMs = durationMs
    const bucket = durationMs <= 0.25 ? 0 : Math.min(buckets - 1, Math.ceil(Math.log2(durationMs * 4)))
    this.#counts[bucket]!++
  }

  failed(): void {
    this.requests++
    this.errors++
  }

  summary(): ApiMetrics {
    const timed = this.requests - this.errors
    return {
      requests: this.requests,
      errors: this.errors,
      averageMs: timed === 0 ? 0 : this.#totalMs / timed,
      maxMs: this.#maxMs,
      p50Ms: this.#quantile(0.5, timed),
      p99Ms: this.#quantile(0.99, timed),
    }
  }

  #quantile(share: number, timed: number): number {
    if (timed === 0) return 0
    let left = Math.ceil(share * timed)
    for (let bucket = 0; bucket < buckets; bucket++) {
      left -= this.#counts[bucket]!
      if (left <= 0) return Math.min(this.#maxMs, 2 ** bucket / 4)
    }
    return this.#maxMs
  }
}

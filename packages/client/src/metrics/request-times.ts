import type { KafkaError } from '../errors.ts'
import { Histogram, quantileOf } from './histogram.ts'

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

/** The requests of one API to one broker. */
export class RequestTimes {
  readonly duration: Histogram
  readonly #failures: (code: string) => { add(amount: number): void }
  errors = 0

  constructor(duration: Histogram, failures: (code: string) => { add(amount: number): void }) {
    this.duration = duration
    this.#failures = failures
  }

  succeeded(durationMs: number): void {
    this.duration.record(durationMs)
  }

  failed({ code }: KafkaError): void {
    this.errors++
    this.#failures(code).add(1)
  }
}

/** Those of an API, of all brokers. */
export function summaryOf(brokers: Iterable<RequestTimes>): ApiMetrics {
  const all = new Histogram('ms')
  // Brokers without a series of their own share one.
  const durations = new Set<Histogram>()
  let errors = 0
  for (const times of brokers) {
    durations.add(times.duration)
    errors += times.errors
  }
  for (const duration of durations) all.add(duration)
  const value = all.value()
  const quantile = (share: number) => Math.min(all.max, quantileOf(all.bounds, value, share))
  return {
    requests: all.count + errors,
    errors,
    averageMs: all.count === 0 ? 0 : all.sum / all.count,
    maxMs: all.max,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  }
}

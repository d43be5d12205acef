import { type CounterName, catalog, type GaugeName, type HistogramName, type MetricName } from './metrics/catalog.ts'
import { Family, type Labels } from './metrics/family.ts'
import { boundsOf, Histogram, type HistogramUnit, type HistogramValue } from './metrics/histogram.ts'
import { type ApiMetrics, RequestTimes, summaryOf } from './metrics/request-times.ts'

/** A number that only increases. */
export interface Counter {
  add(amount: number): void
  readonly value: number
}

/** The labels of a series by name, `client` included. */
export type MetricLabels = Readonly<Record<string, string>>

interface FamilyHead {
  /** Such as 'producer.records'. */
  readonly name: string
  readonly help: string
}

/** Numbers: a counter only increases, a gauge is the value of the moment. */
export interface NumberFamily extends FamilyHead {
  readonly type: 'counter' | 'gauge'
  /** Undefined: a count of things. */
  readonly unit: 'ms' | 'bytes' | undefined
  readonly series: readonly { readonly labels: MetricLabels; readonly value: number }[]
}

export interface HistogramFamily extends FamilyHead {
  readonly type: 'histogram'
  readonly unit: HistogramUnit
  /** The upper bounds of the buckets, inclusive; fixed for each unit. */
  readonly bounds: readonly number[]
  readonly series: readonly ({ readonly labels: MetricLabels } & HistogramValue)[]
}

/** All series of one metric. */
export type MetricFamily = NumberFamily | HistogramFamily

export interface MetricsSnapshot {
  /** Counters by name, summed over all labels. */
  readonly counters: Readonly<Record<string, number>>
  /** Gauges by name, summed over all labels. */
  readonly gauges: Readonly<Record<string, number>>
  /** Requests by Kafka's name of the API, summed over all brokers. */
  readonly apis: Readonly<Record<string, ApiMetrics>>
  /** Everything with its labels, for export. */
  readonly families: readonly MetricFamily[]
}

/** The state of a producer, a consumer or the connections, for a health probe. */
export interface HealthReport {
  readonly kind: string
  readonly name: string
  readonly healthy: boolean
  readonly details: Readonly<Record<string, string | number | boolean>>
}

/** The metrics of one client and its children. Counting costs an addition; all else is computed by `snapshot`. */
export class Metrics {
  readonly #client: string
  readonly #counters = new Map<CounterName, Family<SimpleCounter>>()
  readonly #gauges = new Map<GaugeName, Family<Set<() => number>>>()
  readonly #histograms = new Map<HistogramName, Family<Histogram>>()
  /** By API and broker. */
  readonly #requests = new Map<string, Map<number, RequestTimes>>()
  readonly #reporters = new Set<() => HealthReport>()

  /** `client` is the label of all series. */
  constructor(client = '') {
    this.#client = client
  }

  /** The counter of that name and labels, created by the first call. Keep the result, to save the look-up. */
  counter(name: CounterName, labels: Labels = {}): Counter {
    return familyOf(this.#counters, name, newCounter).of(labels)
  }

  /** The same for a histogram. */
  histogram(name: HistogramName, labels: Labels = {}): Histogram {
    return familyOf(this.#histograms, name, () => new Histogram(catalog[name].unit)).of(labels)
  }

  /** Registers a gauge; several of the same name and labels are summed. Returns a function that removes it. */
  gauge(name: GaugeName, read: () => number, labels: Labels = {}): () => void {
    const family = familyOf(this.#gauges, name, () => new Set<() => number>())
    const readers = family.of(labels)
    readers.add(read)
    return () => {
      readers.delete(read)
      if (readers.size === 0) family.take(labels)
    }
  }

  /** Adds a series to another one, and removes it: the sum over all series never decreases. */
  foldCounter(name: CounterName, from: Labels, into: Labels): void {
    const taken = this.#counters.get(name)?.take(from)
    if (taken !== undefined) this.counter(name, into).add(taken.value)
  }

  /** The same for a histogram. */
  foldHistogram(name: HistogramName, from: Labels, into: Labels): void {
    const taken = this.#histograms.get(name)?.take(from)
    if (taken !== undefined) this.histogram(name, into).add(taken)
  }

  /** The requests of an API to a broker, created by the first call. A bootstrap address has a negative id. */
  requests(api: string, brokerId: number): RequestTimes {
    let brokers = this.#requests.get(api)
    if (brokers === undefined) {
      brokers = new Map()
      this.#requests.set(api, brokers)
    }
    const id = Math.max(-1, brokerId)
    let times = brokers.get(id)
    if (times === undefined) {
      const labels = { api, broker: id < 0 ? 'bootstrap' : String(id) }
      times = new RequestTimes(this.histogram('requestDurationMs', labels), (code) =>
        this.counter('failedRequests', { ...labels, code }),
      )
      brokers.set(id, times)
    }
    return times
  }

  /** Registers a part of `kafka.health()`. Returns a function that removes it. */
  health(report: () => HealthReport): () => void {
    this.#reporters.add(report)
    return () => this.#reporters.delete(report)
  }

  healthReports(): HealthReport[] {
    return Array.from(this.#reporters, (report) => report())
  }

  snapshot(): MetricsSnapshot {
    const apis: Record<string, ApiMetrics> = Object.create(null)
    for (const [api, brokers] of this.#requests) apis[api] = summaryOf(brokers.values())
    const counters = [...this.#counters.values()].map((family) => this.#numbers(family, countOf))
    const gauges = [...this.#gauges.values()].map((family) => this.#numbers(family, sumOf))
    const histograms = [...this.#histograms.values()].map((family) => this.#histogramFamily(family))
    return {
      counters: totals(counters),
      gauges: totals(gauges),
      apis,
      families: [...counters, ...gauges, ...histograms],
    }
  }

  #numbers<S>({ name, entries }: Family<S>, read: (series: S) => number): NumberFamily {
    const { type, unit, help } = catalog[name]
    const series = Array.from(entries, ({ labels, series }) => ({
      labels: this.#labelled(labels),
      value: read(series),
    }))
    return { name, type, unit, help, series } as NumberFamily
  }

  #histogramFamily({ name, entries }: Family<Histogram>): HistogramFamily {
    const { unit, help } = catalog[name as HistogramName]
    const series = Array.from(entries, ({ labels, series }) => ({ labels: this.#labelled(labels), ...series.value() }))
    return { name, type: 'histogram', unit, help, bounds: boundsOf[unit], series }
  }

  #labelled(labels: Labels): MetricLabels {
    return { client: this.#client, ...labels }
  }
}

class SimpleCounter implements Counter {
  value = 0

  add(amount: number): void {
    this.value += amount
  }
}

const newCounter = () => new SimpleCounter()

const countOf = ({ value }: SimpleCounter) => value

function sumOf(readers: ReadonlySet<() => number>): number {
  let sum = 0
  for (const read of readers) sum += read()
  return sum
}

function familyOf<N extends MetricName, S>(families: Map<N, Family<S>>, name: N, create: () => S): Family<S> {
  let family = families.get(name)
  if (family === undefined) {
    family = new Family(name, create)
    families.set(name, family)
  }
  return family
}

function totals(families: readonly NumberFamily[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const { name, series } of families) sums[name] = series.reduce((sum, { value }) => sum + value, 0)
  return sums
}

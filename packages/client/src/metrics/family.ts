import { catalog, type LabelName, type MetricName } from './catalog.ts'

/** The labels of a series; the value of each is a string. */
export type Labels = { readonly [L in LabelName]?: string }

/** The value of a label in the series that holds what has no series of its own. */
export const remainder = '(other)'

/** A family has at most this many series: more topics or brokers are counted in the remainder. */
export const mostSeries = 1_000

interface Entry<S> {
  readonly labels: Labels
  readonly series: S
}

/** All series of one metric: one for each combination of its labels. */
export class Family<S> {
  readonly name: MetricName
  readonly #create: () => S
  readonly #names: readonly LabelName[]
  readonly #entries = new Map<string, Entry<S>>()

  constructor(name: MetricName, create: () => S) {
    this.name = name
    this.#create = create
    this.#names = catalog[name].labels
  }

  /** The series of these labels, created by the first call. Keep the result, to save the look-up. */
  of(labels: Labels): S {
    const found = this.#entries.get(this.#keyOf(labels))
    if (found !== undefined) return found.series
    return this.#entries.size < mostSeries ? this.#add(labels) : this.#remainderOf(labels)
  }

  /** Removes a series and returns it; undefined: there is none. Its value must be added to another one. */
  take(labels: Labels): S | undefined {
    const key = this.#keyOf(labels)
    const found = this.#entries.get(key)
    this.#entries.delete(key)
    return found?.series
  }

  get entries(): Iterable<Entry<S>> {
    return this.#entries.values()
  }

  #remainderOf(labels: Labels): S {
    const rest = { ...labels }
    if (labels.topic !== undefined) rest.topic = remainder
    if (labels.broker !== undefined) rest.broker = remainder
    return this.#entries.get(this.#keyOf(rest))?.series ?? this.#add(rest)
  }

  #add(labels: Labels): S {
    const series = this.#create()
    const own = Object.fromEntries(this.#names.map((name) => [name, labels[name] ?? '']))
    this.#entries.set(this.#keyOf(labels), { labels: own, series })
    return series
  }

  #keyOf(labels: Labels): string {
    if (this.#names.length === 0) return ''
    return this.#names.map((name) => labels[name] ?? '').join('\u0000')
  }
}

import type { Duration, TestCluster } from '@ottla/testkit'

/** What one run found. */
export interface ChaosReport {
  readonly seed: number
  /** Each with the last events of its partition. */
  readonly violations: readonly string[]
  readonly stalls: readonly string[]
  /** How often each dimension occurred. */
  readonly counts: Readonly<Record<string, number>>
  readonly hash: string
  readonly virtualMs: number
}

const keptEvents = 25
const maxFindings = 20

interface RecordOptions {
  readonly seed: number
  /** What the run was made of: a line below each finding. */
  readonly circumstances: string
  /** Prints each event when it happens. */
  readonly verbose: boolean
}

interface RunOptions {
  /** Of virtual time, as `cluster.run`. */
  readonly limit: Duration
  /** What the testkit reports is a finding; it is read at the end. */
  readonly problems: readonly string[]
}

/** The events, counts and findings of one run. */
export class ChaosRecord {
  readonly #cluster: TestCluster
  readonly #options: RecordOptions
  readonly #counts = new Map<string, number>()
  /** By place, the last ones of each; those of no place belong to all. */
  readonly #events = new Map<string, (readonly [order: number, line: string])[]>()
  readonly #violations: string[] = []
  readonly #stalls: string[] = []
  #order = 0

  constructor(cluster: TestCluster, options: RecordOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  nowMs(): number {
    return this.#cluster.virtual?.nowMs ?? 0
  }

  count(dimension: string): void {
    this.#counts.set(dimension, (this.#counts.get(dimension) ?? 0) + 1)
  }

  /** Keeps an event for the findings of its place. */
  note(event: string, place = ''): void {
    const line = `${(this.nowMs() / 1000).toFixed(3)} ${event}`
    if (this.#options.verbose) console.log(place === '' ? line : `${place} ${line}`)
    const events = this.#events.get(place) ?? []
    this.#events.set(place, events)
    events.push([this.#order++, line])
    if (events.length > keptEvents) events.shift()
  }

  violation(what: string, place?: string): void {
    this.#find(this.#violations, what, place)
  }

  /** Something has not moved for too long. */
  stall(what: string, place?: string): void {
    this.#find(this.#stalls, what, place)
  }

  #find(list: string[], what: string, place = ''): void {
    if (list.length >= maxFindings) return
    const { seed, verbose, circumstances } = this.#options
    const events = [...(this.#events.get('') ?? []), ...(place === '' ? [] : (this.#events.get(place) ?? []))]
    const last = events.sort(([a], [b]) => a - b).slice(-keptEvents)
    const finding = `seed ${seed}, ${Math.round(this.nowMs())} ms${place === '' ? '' : `, ${place}`}: ${what}`
    if (verbose) console.log(`!!! ${finding}`)
    list.push([finding, `  ${circumstances}`, ...last.map(([, line]) => `    ${line}`)].join('\n'))
  }

  /** Runs on the virtual cluster, and closes it. */
  async run({ limit, problems }: RunOptions, live: () => Promise<void>): Promise<ChaosReport> {
    const { virtual } = this.#cluster
    try {
      await this.#cluster.run(live, { limit })
    } catch (error) {
      this.stall(error instanceof Error ? String(error.stack) : String(error))
    }
    await this.#cluster.close().catch((error: unknown) => this.violation(String(error)))
    for (const problem of problems) this.violation(`the testkit reports: ${problem}`)
    return {
      seed: this.#options.seed,
      violations: this.#violations,
      stalls: this.#stalls,
      counts: Object.fromEntries(this.#counts),
      hash: virtual?.eventHash ?? '',
      virtualMs: virtual?.nowMs ?? 0,
    }
  }
}

import type { Cluster } from '../cluster/cluster.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'

/** Pauses between metadata requests. */
const pauses = { firstMs: 250, maxMs: 5_000 }

/** A missing topic may be misspelt or not created yet: it is logged once, and looked up until it exists. */
export class MissingTopics {
  readonly #cluster: Pick<Cluster, 'runtime' | 'logger' | 'refreshMetadata'>
  readonly #missing: () => readonly string[]
  readonly #timer: DeadlineTimer
  #asking = false
  #asked = 0
  #stopped = false

  constructor(cluster: Pick<Cluster, 'runtime' | 'logger' | 'refreshMetadata'>, missing: () => readonly string[]) {
    this.#cluster = cluster
    this.#missing = missing
    this.#timer = new DeadlineTimer(cluster.runtime, () => {
      void this.#ask()
      return Number.POSITIVE_INFINITY
    })
  }

  /** Starts after a subscription; continues until no topic is missing. */
  look(): void {
    const topics = this.#missing()
    if (topics.length === 0 || this.#timer.armed || this.#asking || this.#stopped) return
    const { runtime, logger } = this.#cluster
    if (this.#asked++ === 0)
      logger.warn('subscribed topics do not exist; they are read once they are created', { topics })
    this.#timer.wakeIn(backoffMs(runtime, this.#asked, pauses))
  }

  stop(): void {
    this.#stopped = true
    this.#timer.stop()
  }

  async #ask(): Promise<void> {
    this.#asking = true
    // A failed refresh is repeated like one that finds nothing.
    await this.#cluster.refreshMetadata('a subscribed topic does not exist yet', this.#missing()).catch(() => {})
    this.#asking = false
    this.look()
  }
}

import type { Timer } from '@ottla/runtime'
import type { Cluster } from '../cluster/cluster.ts'
import { backoffMs } from '../runtime/backoff.ts'

/** How often the brokers are asked: first after so long, then less and less often. */
const pauses = { firstMs: 250, maxMs: 5_000 }

/** A topic that does not exist may be misspelt, or about to be created: it is said once, and the topic looked for. */
export class MissingTopics {
  readonly #cluster: Pick<Cluster, 'runtime' | 'logger' | 'refreshMetadata'>
  readonly #missing: () => readonly string[]
  #timer: Timer | undefined
  #asking = false
  #asked = 0
  #stopped = false

  constructor(cluster: Pick<Cluster, 'runtime' | 'logger' | 'refreshMetadata'>, missing: () => readonly string[]) {
    this.#cluster = cluster
    this.#missing = missing
  }

  /** To be called when topics were subscribed to; goes on by itself until none is missing. */
  look(): void {
    const topics = this.#missing()
    if (topics.length === 0 || this.#timer !== undefined || this.#asking || this.#stopped) return
    const { runtime, logger } = this.#cluster
    if (this.#asked++ === 0)
      logger.warn('subscribed topics do not exist; they are read once they are created', { topics })
    this.#timer = runtime.setTimer(() => void this.#ask(topics), backoffMs(runtime, this.#asked, pauses))
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== undefined) this.#cluster.runtime.clearTimer(this.#timer)
    this.#timer = undefined
  }

  async #ask(topics: readonly string[]): Promise<void> {
    this.#timer = undefined
    this.#asking = true
    // A refresh that fails is as good as one that finds nothing: it is asked again.
    await this.#cluster.refreshMetadata('a subscribed topic does not exist yet', topics).catch(() => {})
    this.#asking = false
    this.look()
  }
}

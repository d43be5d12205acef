import type { Cluster } from '../cluster/cluster.ts'
import { isTransient, meaningOf } from '../error-meaning.ts'
import type { ErrorCode } from '../errors.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import type { Subscription } from './subscription.ts'

/** Pauses between metadata requests. */
const pauses = { firstMs: 250, maxMs: 5_000 }

type MissingCluster = Pick<Cluster, 'runtime' | 'logger' | 'refreshMetadata'>

/**
 * Subscribed topics that cannot be read: misspelt, not created yet, or forbidden. Each is logged once for each change of the reason,
 * and looked up until it can be read; the other topics are not affected.
 */
export class MissingTopics {
  readonly #cluster: MissingCluster
  readonly #subscription: Pick<Subscription, 'started' | 'missing' | 'problems'>
  readonly #timer: DeadlineTimer
  /** The reasons that are logged. */
  #logged: ReadonlyMap<string, ErrorCode> = new Map()
  #isRefreshing = false
  #attempts = 0
  #stopped = false

  constructor(cluster: MissingCluster, subscription: Pick<Subscription, 'started' | 'missing' | 'problems'>) {
    this.#cluster = cluster
    this.#subscription = subscription
    this.#timer = new DeadlineTimer(cluster.runtime, () => {
      void this.#refresh()
      return Number.POSITIVE_INFINITY
    })
  }

  /** To call after the subscription was looked up, and when the metadata changed. */
  look(): void {
    if (!this.#subscription.started || this.#stopped) return
    this.#log()
    if (this.#topics().length === 0) {
      this.#attempts = 0
      this.#timer.clear()
    } else if (!this.#timer.armed && !this.#isRefreshing) {
      this.#timer.wakeIn(backoffMs(this.#cluster.runtime, ++this.#attempts, pauses))
    }
  }

  stop(): void {
    this.#stopped = true
    this.#timer.stop()
  }

  /** A name that no topic can have is not looked up again. */
  #topics(): string[] {
    const invalid = new Set<string>()
    for (const { topic, error } of this.#subscription.problems()) {
      if (meaningOf(error.code).invalidTopicName) invalid.add(topic)
    }
    return this.#subscription.missing().filter((topic) => !invalid.has(topic))
  }

  #log(): void {
    const current = new Map<string, ErrorCode>()
    const changed = new Map<ErrorCode, { topics: string[]; hint: string | undefined }>()
    for (const { topic, error } of this.#subscription.problems()) {
      const { code, hint } = error
      if (isTransient(error) && !meaningOf(code).missingTopic) continue
      current.set(topic, code)
      if (this.#logged.get(topic) === code) continue
      const group = changed.get(code) ?? { topics: [], hint }
      group.topics.push(topic)
      changed.set(code, group)
    }
    this.#logged = current
    for (const [code, { topics, hint }] of changed) {
      const { logger } = this.#cluster
      if (meaningOf(code).missingTopic) {
        logger.warn('subscribed topics do not exist; they are read once they are created', { topics, code })
      } else logger.warn('subscribed topics cannot be read', { topics, code, hint })
    }
  }

  async #refresh(): Promise<void> {
    this.#isRefreshing = true
    // A failed refresh is repeated like one that finds nothing.
    await this.#cluster.refreshMetadata('a subscribed topic cannot be read yet', this.#topics()).catch(() => {})
    this.#isRefreshing = false
    this.look()
  }
}

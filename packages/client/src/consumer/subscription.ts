import type { Cluster } from '../cluster/cluster.ts'
import type { TopicPartition } from '../group/membership.ts'
import type { TopicSelector } from './options.ts'

export type SubscriptionCluster = Pick<Cluster, 'topic' | 'topics' | 'refreshMetadata' | 'watchTopics'>

/** The subscribed topics: names, and patterns that are matched against the topics of the cluster. */
export class Subscription {
  readonly #cluster: SubscriptionCluster
  readonly #names: readonly string[]
  readonly #patterns: readonly RegExp[]
  /** The partition count of each topic when it was first seen: later partitions are new and read from the start. */
  readonly #firstCounts = new Map<string, number>()
  #releases: (() => void)[] = []
  #watchedByLeader = new Set<string>()
  #started = false

  constructor(cluster: SubscriptionCluster, selectors: readonly TopicSelector[]) {
    this.#cluster = cluster
    this.#names = [...new Set(selectors.filter((selector) => typeof selector === 'string'))]
    // A sticky or global pattern would keep its last index.
    this.#patterns = selectors
      .filter((selector) => selector instanceof RegExp)
      .map((pattern) => new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')))
  }

  /** The current topics, including missing ones, which are read once they exist. */
  async topics(signal: AbortSignal): Promise<readonly string[]> {
    if (!this.#started) {
      if (this.#names.length > 0) this.#releases.push(this.#cluster.watchTopics(this.#names))
      if (this.#patterns.length > 0) {
        this.#releases.push(this.#cluster.watchTopics('all'))
        await this.#cluster.refreshMetadata('a pattern is subscribed to', undefined, { signal })
      }
      const missing = this.missing()
      if (missing.length > 0) await this.#cluster.refreshMetadata('topics are subscribed to', missing, { signal })
      this.#started = true
      for (const name of this.known()) this.#firstCounts.set(name, this.#cluster.topic(name)?.partitions.length ?? 0)
    }
    return this.known()
  }

  /** Subscribed names that do not exist yet. */
  missing(): string[] {
    return this.#names.filter((name) => this.#cluster.topic(name) === undefined)
  }

  /** From the cache, without I/O. */
  known(): readonly string[] {
    if (this.#patterns.length === 0) return this.#names
    const names = new Set(this.#names)
    for (const { name, isInternal } of this.#cluster.topics()) {
      if (!isInternal && this.#patterns.some((pattern) => pattern.test(name))) names.add(name)
    }
    return [...names]
  }

  /** Whether the partition was created while this consumer was running: it has no old records to skip. */
  isNew({ topic, partition }: TopicPartition): boolean {
    if (!this.#started) return false
    return partition >= (this.#firstCounts.get(topic) ?? 0)
  }

  /** The group's leader needs the partition counts of all members' topics. */
  async counts(topics: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const more = topics.filter((topic) => !this.#names.includes(topic) && !this.#watchedByLeader.has(topic))
    if (more.length > 0) {
      for (const topic of more) this.#watchedByLeader.add(topic)
      this.#releases.push(this.#cluster.watchTopics(more))
      await this.#cluster.refreshMetadata('the group subscribes to more topics', topics, { signal })
    }
    const counts = new Map<string, number>()
    for (const topic of topics) {
      const info = this.#cluster.topic(topic)
      if (info !== undefined && info.partitions.length > 0) counts.set(topic, info.partitions.length)
    }
    return counts
  }

  /** Keeps further topics in the metadata: those of partitions assigned manually or by another member's leader. */
  watch(topics: readonly string[]): void {
    const more = topics.filter((topic) => !this.#names.includes(topic) && !this.#watchedByLeader.has(topic))
    if (more.length === 0) return
    for (const topic of more) this.#watchedByLeader.add(topic)
    this.#releases.push(this.#cluster.watchTopics(more))
  }

  close(): void {
    for (const release of this.#releases) release()
    this.#releases = []
  }
}

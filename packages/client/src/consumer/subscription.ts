import type { Cluster } from '../cluster/cluster.ts'
import { meaningOf } from '../error-meaning.ts'
import type { KafkaError } from '../errors.ts'
import type { TopicLayout, TopicPartition } from '../group/membership.ts'
import { joinedRe2, type UntypedSelector } from './topic-selector.ts'

export type SubscriptionCluster = Pick<
  Cluster,
  'broker' | 'topic' | 'topics' | 'topicError' | 'topicErrorCode' | 'refreshMetadata' | 'retry' | 'watchTopics'
>

/** A subscribed topic that cannot be read now, and why. */
export interface TopicProblem {
  readonly topic: string
  readonly error: KafkaError
}

/** The subscribed topics: names, and patterns that are matched against the topics of the cluster. */
export class Subscription {
  readonly #cluster: SubscriptionCluster
  readonly #names: readonly string[]
  readonly #patterns: readonly RegExp[]
  /** A pattern that the brokers match; null: none. */
  readonly regex: string | null
  /**
   * The partition count of each topic when it was first seen: later partitions are new and read from the start. Topics whose count
   * was not visible at the start have no entry.
   */
  readonly #firstCounts = new Map<string, number>()
  readonly #hiddenAtStart = new Set<string>()
  readonly #watched = new Set<string>()
  readonly #releases: (() => void)[] = []
  #watchesAll = false
  #started = false

  constructor(cluster: SubscriptionCluster, selectors: readonly UntypedSelector[]) {
    this.#cluster = cluster
    this.regex = joinedRe2(selectors)
    this.#names = [...new Set(selectors.filter((selector) => typeof selector === 'string'))]
    // A sticky or global pattern would keep its last index.
    this.#patterns = selectors
      .filter((selector) => selector instanceof RegExp)
      .map((pattern) => new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')))
  }

  /** The first look-up has succeeded. */
  get started(): boolean {
    return this.#started
  }

  /**
   * The topics to join with, including missing ones, which are read once they exist. The first call looks them up, until the deadline
   * of API calls. Rejects when the brokers refuse all of them for good, as Java's client does.
   */
  async topics(signal: AbortSignal): Promise<readonly string[]> {
    if (!this.#started) await this.#start(signal)
    const refused = this.refused()
    if (refused !== undefined) throw refused
    return this.known()
  }

  /**
   * Subscribed names that do not exist, or that the brokers do not show to this client. A topic that a response just lacked is kept
   * in the metadata for a while, but a topic created under its name may have more partitions.
   */
  missing(): string[] {
    return this.#names.filter((name) => this.#cluster.topic(name) === undefined || this.#isReportedMissing(name))
  }

  /** The subscribed names that cannot be read now, as far as the brokers reported a reason: missing, forbidden, an invalid name. */
  problems(): TopicProblem[] {
    const problems: TopicProblem[] = []
    for (const topic of this.#names) {
      const error = this.#cluster.topicError(topic)
      if (error !== undefined) problems.push({ topic, error })
    }
    return problems
  }

  /** The reason why nothing can ever be read: each subscribed topic is forbidden or has an invalid name. */
  refused(): KafkaError | undefined {
    if (this.#patterns.length > 0 || this.regex !== null || this.#names.length === 0) return undefined
    const errors = this.#names.map((name) => this.#cluster.topicError(name))
    if (errors.some((error) => error === undefined || !isRefusal(error))) return undefined
    return errors[0]
  }

  /** From the cache, without I/O. Without names that no topic can have: another member as leader may fail because of them. */
  known(): readonly string[] {
    const names = new Set(this.#names.filter((name) => !this.#isInvalid(name)))
    if (this.#patterns.length === 0) return [...names]
    for (const { name, isInternal } of this.#cluster.topics()) {
      if (!isInternal && this.#patterns.some((pattern) => pattern.test(name))) names.add(name)
    }
    return [...names]
  }

  /** Whether the partition was created while this consumer was running: it has no old records to skip. */
  isNew({ topic, partition }: TopicPartition): boolean {
    if (!this.#started) return false
    if (this.#hiddenAtStart.delete(topic)) {
      this.#firstCounts.set(topic, this.#cluster.topic(topic)?.partitions.length ?? partition + 1)
    }
    return partition >= (this.#firstCounts.get(topic) ?? 0)
  }

  /** Another topic has the name now: its partitions are new. */
  recreated(topic: string): void {
    this.#firstCounts.set(topic, 0)
  }

  /**
   * The layouts of all members' topics, for the group's leader. Known ones are checked after the assignment, which does not wait
   * for it: a topic of which the leader has no partition may have been recreated.
   */
  async layouts(topics: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, TopicLayout>> {
    this.watch(topics)
    const unseen = topics.filter((name) => this.#isUnseen(name))
    if (unseen.length > 0) {
      const operation = `Looking up the topics of the group's members, ${listed(unseen)},`
      await this.#lookUp(operation, 'the group subscribes to more topics', unseen, signal)
    } else void this.#cluster.refreshMetadata('the group is assigned', topics).catch(() => {})
    const layouts = new Map<string, TopicLayout>()
    for (const topic of topics) {
      const layout = this.layout(topic)
      if (layout !== undefined) layouts.set(topic, layout)
    }
    return layouts
  }

  /** From the cache; undefined without partitions. */
  layout(topic: string): TopicLayout | undefined {
    const { partitions = [] } = this.#cluster.topic(topic) ?? {}
    if (partitions.length === 0) return undefined
    const rackOf = (brokerId: number) => this.#cluster.broker(brokerId)?.rack ?? []
    const racks = partitions.map(({ replicas }) => [...new Set(replicas.flatMap(rackOf))])
    return { partitionCount: partitions.length, racks }
  }

  /** Keeps topics in the metadata: also those of partitions assigned manually or by another member's leader. */
  watch(topics: readonly string[]): void {
    const more = topics.filter((topic) => !this.#watched.has(topic))
    if (more.length === 0) return
    for (const topic of more) this.#watched.add(topic)
    this.#releases.push(this.#cluster.watchTopics(more))
  }

  close(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  async #start(signal: AbortSignal): Promise<void> {
    this.watch(this.#names)
    const hasPatterns = this.#patterns.length > 0
    if (hasPatterns && !this.#watchesAll) this.#releases.push(this.#cluster.watchTopics('all'))
    this.#watchesAll = hasPatterns
    const missing = this.missing()
    if (hasPatterns || missing.length > 0 || this.regex !== null) {
      const patterns = [...this.#patterns.map(String), ...(this.regex === null ? [] : [this.regex])]
      const operation = `Looking up the subscribed topics ${listed([...this.#names, ...patterns])}`
      // Which topics the brokers will match is not known: those of this moment are not new.
      const release = this.regex === null ? undefined : this.#cluster.watchTopics('all')
      await this.#lookUp(operation, 'topics are subscribed to', missing, signal).finally(release)
    }
    this.#started = true
    for (const name of this.known()) this.#noteFirstCount(name)
    if (this.regex !== null) for (const { name } of this.#cluster.topics()) this.#noteFirstCount(name)
  }

  /** The brokers may not be up yet: it is repeated until the deadline of API calls. */
  #lookUp(operation: string, reason: string, topics: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#cluster.retry({ operation, signal }, (_attemptNo, bounded) =>
      this.#cluster.refreshMetadata(reason, topics, { signal: bounded }),
    )
  }

  #noteFirstCount(name: string): void {
    const error = this.#cluster.topicError(name)
    if (error !== undefined && !meaningOf(error.code).missingTopic) this.#hiddenAtStart.add(name)
    else this.#firstCounts.set(name, this.#cluster.topic(name)?.partitions.length ?? 0)
  }

  /** No broker has reported anything of the topic. */
  #isUnseen(name: string): boolean {
    return this.#cluster.topic(name) === undefined && this.#cluster.topicError(name) === undefined
  }

  #isReportedMissing(name: string): boolean {
    return meaningOf(this.#cluster.topicErrorCode(name)).missingTopic === true
  }

  #isInvalid(name: string): boolean {
    const error = this.#cluster.topicError(name)
    return error !== undefined && meaningOf(error.code).invalidTopicName
  }
}

/** The first names of a list, for a message. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => `'${name}'`)
  const more = names.length - shown.length
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ')
}

/** Nothing but an administrator, or another name, can change it. */
function isRefusal({ code }: KafkaError): boolean {
  const { forbidden, invalidTopicName } = meaningOf(code)
  return forbidden === 'topic' || invalidTopicName
}

import { errorCode } from '@ottla/codec'
import type { Cluster } from '../cluster/cluster.ts'
import { meaningOf } from '../error-meaning.ts'
import { asKafkaError, type KafkaError, kafkaErrorOf } from '../errors.ts'
import type { TopicPartition } from '../group/membership.ts'
import type { Assignment } from './assignment.ts'
import type { GroupMember } from './group-member.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { ManualAssignment } from './manual-assignment.ts'
import type { MissingTopics } from './missing-topics.ts'
import type { Positions } from './offsets/positions.ts'
import type { ResolvedConsumerOptions } from './options.ts'
import type { HandOut } from './reading/hand-out.ts'
import type { Subscription } from './subscription.ts'

/** The parts of the consumer that it uses. */
export interface UngroupedParts {
  readonly cluster: Pick<Cluster, 'topic' | 'topicErrorCode' | 'awaitTopic'>
  readonly options: Pick<ResolvedConsumerOptions, 'topics' | 'until'>
  readonly lifecycle: Lifecycle
  readonly subscription: Subscription
  readonly missing: MissingTopics
  readonly assignment: Assignment
  readonly positions: Positions
  readonly manual: ManualAssignment
  readonly member: GroupMember | undefined
  readonly handOut: Pick<HandOut, 'wake'>
  readonly graceMs: number
  fail(error: KafkaError): void
}

/** The partitions of a consumer that joins no group: those of the option `assign`, or all of its topics, also those added later. */
export class Ungrouped {
  readonly #parts: UngroupedParts
  #isStarted = false
  #isOutdated = false
  #isFollowing = false

  constructor(parts: UngroupedParts) {
    this.#parts = parts
  }

  /** Without partitions nothing can be read, and nothing will be. */
  get isPointless(): boolean {
    const { options, member, manual } = this.#parts
    return member === undefined && options.topics.length === 0 && manual.isPointless
  }

  /** Does not reject: a failure is that of the consumer. */
  start(): Promise<void> {
    return this.#guarded('Starting the partitions', () => this.#start())
  }

  /** Topics or partitions may have been added or deleted. */
  metadataChanged(): void {
    const { topics, until } = this.#parts.options
    if (!this.#isStarted) return
    if (until !== undefined) this.#failGone()
    if (until !== undefined || topics.length === 0) return
    this.#isOutdated = true
    if (!this.#isFollowing) void this.#guarded('Following the partitions', () => this.#follow())
  }

  async #start(): Promise<void> {
    const { options, manual, handOut } = this.#parts
    if (options.topics.length === 0) await manual.start()
    else await this.#startTopics()
    handOut.wake()
    this.#isStarted = true
    this.metadataChanged()
  }

  async #startTopics(): Promise<void> {
    const { options, lifecycle, assignment, positions, subscription, missing } = this.#parts
    const signal = lifecycle.closing
    if (options.until !== undefined) await this.#checkTopics()
    await subscription.topics(signal)
    missing.look()
    await assignment.add(this.#existing())
    await positions.positioned(assignment.partitions.all, signal)
    lifecycle.assigned()
  }

  /** A reader that ends by itself does not wait for topics to be created. */
  async #checkTopics(): Promise<void> {
    const { options, lifecycle, cluster } = this.#parts
    const names = options.topics.filter((topic) => typeof topic === 'string')
    await Promise.all(names.map((topic) => cluster.awaitTopic(topic, { signal: lifecycle.closing })))
  }

  /** A reader that ends by itself does not wait for partitions that were deleted. */
  #failGone(): void {
    const { assignment, cluster, positions } = this.#parts
    for (const place of [...assignment.partitions.all]) {
      if (!this.#isGone(place)) continue
      const { topic, partition } = place
      const code = cluster.topicErrorCode(topic) || missingCode
      positions.missing(place, kafkaErrorOf(code, 'Reading until the end', { topic, partition }))
    }
  }

  async #follow(): Promise<void> {
    const { assignment, lifecycle } = this.#parts
    this.#isFollowing = true
    while (this.#isOutdated && lifecycle.isRunning) {
      this.#isOutdated = false
      const gone = [...assignment.partitions.all].filter((place) => this.#isGone(place))
      if (gone.length > 0) await assignment.revoke(gone, this.#parts.graceMs)
      const added = this.#existing().filter((place) => assignment.partitions.get(place) === undefined)
      if (added.length > 0) await assignment.add(added)
    }
    this.#isFollowing = false
  }

  /** The partitions of all topics that the brokers have. */
  #existing(): TopicPartition[] {
    const { subscription, cluster } = this.#parts
    return subscription.known().flatMap((topic) => {
      const { length } = cluster.topic(topic)?.partitions ?? []
      return Array.from({ length }, (_, partition) => ({ topic, partition }))
    })
  }

  /** The topic was deleted, or recreated with fewer partitions. */
  #isGone({ topic, partition }: TopicPartition): boolean {
    const { cluster } = this.#parts
    const info = cluster.topic(topic)
    if (info !== undefined) return partition >= info.partitions.length
    return meaningOf(cluster.topicErrorCode(topic)).missingTopic
  }

  async #guarded(operation: string, work: () => Promise<void>): Promise<void> {
    const { lifecycle, fail } = this.#parts
    try {
      await work()
    } catch (error) {
      if (!lifecycle.closing.aborted) fail(asKafkaError(error, operation))
    }
  }
}

const missingCode = errorCode('UNKNOWN_TOPIC_OR_PARTITION')

import { retryPause } from '../cluster/retry-backoff.ts'
import { noTopicId } from '../cluster/topology.ts'
import { scopeOf, withSignal } from '../runtime/wait.ts'
import type { GroupCluster } from './classic-requests.ts'
import type { MembershipListener, TopicPartition } from './membership.ts'
import { without } from './membership.ts'
import type { TopicIdPartitions } from './next-gen-requests.ts'
import type { Ownership } from './ownership.ts'

/** The topics of an assignment, which has their ids. */
export interface TopicNames {
  /** From the cached metadata. */
  nameOf(topicId: string): string | undefined
  /** The id of the topic that has the name now, from the cached metadata. */
  idOf(name: string): string | undefined
  /** Owned partitions belonged to a topic that was deleted; another one has its name. */
  recreated(name: string): void
  /** Requests the metadata of these topics. */
  lookUp(topicIds: readonly string[], signal: AbortSignal): Promise<void>
}

export interface ReconcilerHost {
  readonly cluster: GroupCluster
  readonly ownership: Ownership
  readonly listener: Pick<MembershipListener, 'positioned'>
  readonly topics: TopicNames
  readonly rebalanceTimeoutMs: number
  /** The owned partitions changed: the coordinator waits for the report of that. */
  onOwned(): void
  /** The coordinator assigned something else. */
  onFollowing(): void
  /** The member has what the coordinator assigned. */
  onReconciled(changes: Changes): void
  onFailure(error: unknown): void
}

export interface Changes {
  readonly assigned: readonly TopicPartition[]
  readonly added: readonly TopicPartition[]
  readonly revoked: readonly TopicPartition[]
  readonly durationMs: number
}

interface Target {
  readonly topics: readonly TopicIdPartitions[]
  readonly sinceMs: number
}

/** The partitions of a target whose topics the metadata has, and the ids of the others. */
interface Resolved {
  readonly places: readonly TopicPartition[]
  /** By id. */
  readonly names: ReadonlyMap<string, string>
  readonly unknownIds: readonly string[]
}

/**
 * Brings the owned partitions to the assignment of the coordinator (KIP-848): first revokes, then adds. One step at a time, always
 * towards the last assignment; heartbeats continue meanwhile. Revoked partitions are reported as soon as their hook has ended,
 * because other members wait for them.
 */
export class Reconciler {
  readonly #host: ReconcilerHost
  readonly #stopping: AbortSignal
  /** The topics of the last assignment, by id: the metadata may lack one for a moment. */
  #names: ReadonlyMap<string, string> = new Map()
  /** Topics of the assignment whose name another one has. */
  #passedOver: ReadonlySet<string> = new Set()
  #target: Target | undefined
  /** The target that the member has reached. */
  #reached: Target | undefined
  #isRunning = false
  /** Aborts when there is another target, or none any more. */
  #current = new AbortController()
  #owned: readonly TopicIdPartitions[] = []
  #ownedOf: readonly TopicPartition[] = []

  constructor(host: ReconcilerHost, stopping: AbortSignal) {
    this.#host = host
    this.#stopping = stopping
  }

  /** What the member owns, for the coordinator; the same array while it does not change. */
  get owned(): readonly TopicIdPartitions[] {
    const { owned } = this.#host.ownership
    if (owned === this.#ownedOf) return this.#owned
    const topics = new Map<string, number[]>()
    for (const { topic, partition } of owned) {
      const partitions = topics.get(topic)
      if (partitions === undefined) topics.set(topic, [partition])
      else partitions.push(partition)
    }
    this.#ownedOf = owned
    const ids = new Map(Array.from(this.#names, ([topicId, name]) => [name, topicId]))
    this.#owned = Array.from(topics, ([topic, partitions]) => ({ topicId: ids.get(topic) ?? noTopicId, partitions }))
    return this.#owned
  }

  /** The coordinator assigned these partitions. It repeats them after a heartbeat that contained everything. */
  assign(topics: readonly TopicIdPartitions[]): void {
    if (this.#target === undefined || !sameAssignment(this.#target.topics, topics)) this.#follow(topics)
  }

  #follow(topics: readonly TopicIdPartitions[]): void {
    this.#replace({ topics, sinceMs: this.#host.cluster.runtime.monoNow() })
    this.#host.onFollowing()
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#run().catch((error) => this.#host.onFailure(error))
  }

  /** The membership was lost: there is no assignment. */
  reset(): void {
    this.#replace(undefined)
  }

  /**
   * An assignment is by topic id: where another topic has the name of an owned one, its partitions may be another member's already,
   * before this one receives its assignment.
   */
  metadataChanged(): void {
    const target = this.#target
    if (target === undefined) return
    const recreated = [...this.#names].filter(([topicId, name]) => this.#isRecreated(topicId, name))
    for (const [, name] of recreated) this.#host.topics.recreated(name)
    // A broker with stale metadata may have reported the topic before.
    const isBack = ({ topicId }: TopicIdPartitions) =>
      this.#passedOver.has(topicId) && this.#nameOf(topicId) !== undefined
    if (recreated.length > 0 || target.topics.some(isBack)) this.#follow(target.topics)
  }

  /** Undefined: not known, or another topic has the name. */
  #nameOf(topicId: string): string | undefined {
    const name = this.#names.get(topicId) ?? this.#host.topics.nameOf(topicId)
    return name === undefined || this.#isRecreated(topicId, name) ? undefined : name
  }

  #isRecreated(topicId: string, name: string): boolean {
    return (this.#host.topics.idOf(name) ?? topicId) !== topicId
  }

  #replace(target: Target | undefined): void {
    this.#target = target
    this.#current.abort(new Error('the assignment was replaced'))
    this.#current = new AbortController()
  }

  async #run(): Promise<void> {
    for (;;) {
      const target = this.#target
      if (target === undefined || target === this.#reached || this.#stopping.aborted) break
      const { signal } = this.#current
      const { places, names, unknownIds } = this.#resolve(target)
      await this.#step({ target, places, names }, signal)
      if (signal.aborted || this.#stopping.aborted) continue
      if (unknownIds.length === 0) this.#reached = target
      else await this.#lookUp(unknownIds, signal)
    }
    this.#isRunning = false
  }

  async #step(
    { target, places, names }: Pick<Resolved, 'places' | 'names'> & { readonly target: Target },
    signal: AbortSignal,
  ): Promise<void> {
    const { ownership, cluster } = this.#host
    const isOver = () => signal.aborted || this.#stopping.aborted
    const surplus = without(ownership.owned, places)
    if (surplus.length > 0) {
      await ownership.revoke(surplus)
      if (this.#stopping.aborted) return
      this.#host.onOwned()
    }
    if (isOver()) return
    this.#names = names
    const changes = await ownership.assign(places)
    if (isOver()) return
    this.#host.onOwned()
    await this.#positioned(signal)
    // A later assignment does not undo this one, a loss does.
    if (this.#stopping.aborted || ownership.owned !== places) return
    this.#host.onReconciled({ assigned: places, ...changes, durationMs: cluster.runtime.monoNow() - target.sinceMs })
  }

  /** Waits for the positions, but not while there is another assignment. */
  async #positioned(current: AbortSignal): Promise<void> {
    const { runtime } = this.#host.cluster
    const deadlineMs = runtime.monoNow() + this.#host.rebalanceTimeoutMs
    const scope = scopeOf(runtime, deadlineMs, [current, this.#stopping])
    const { signal } = scope
    try {
      await withSignal(this.#host.listener.positioned(this.#host.ownership.owned, signal), signal)
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      scope.release()
    }
  }

  #resolve({ topics }: Target): Resolved {
    const places: TopicPartition[] = []
    const names = new Map<string, string>()
    const unknownIds: string[] = []
    const passedOver = new Set<string>()
    for (const { topicId, partitions } of topics) {
      const topic = this.#names.get(topicId) ?? this.#host.topics.nameOf(topicId)
      if (topic === undefined) {
        unknownIds.push(topicId)
        continue
      }
      if (this.#isRecreated(topicId, topic)) {
        passedOver.add(topicId)
        continue
      }
      names.set(topicId, topic)
      for (const partition of partitions) places.push({ topic, partition })
    }
    this.#passedOver = passedOver
    return { places, names, unknownIds }
  }

  /** Until the name of one is known. A broker may not have a topic yet that the coordinator has. */
  async #lookUp(topicIds: readonly string[], current: AbortSignal): Promise<void> {
    const { cluster, topics } = this.#host
    const scope = scopeOf(cluster.runtime, undefined, [current, this.#stopping])
    const { signal } = scope
    const isKnown = () => topicIds.some((topicId) => topics.nameOf(topicId) !== undefined)
    for (let attemptNo = 1; !signal.aborted && !isKnown(); attemptNo++) {
      try {
        await withSignal(topics.lookUp(topicIds, signal), signal)
      } catch (error) {
        if (!signal.aborted) cluster.logger.debug('looking up assigned topics failed', { error: String(error) })
      }
      if (!isKnown() && !signal.aborted) await retryPause(cluster, attemptNo, signal)
    }
    scope.release()
  }
}

function sameAssignment(a: readonly TopicIdPartitions[], b: readonly TopicIdPartitions[]): boolean {
  if (a.length !== b.length) return false
  const topics = new Map(a.map(({ topicId, partitions }) => [topicId, new Set(partitions)]))
  return b.every(({ topicId, partitions }) => {
    const before = topics.get(topicId)
    return before?.size === partitions.length && partitions.every((partition) => before.has(partition))
  })
}

import { retryPause } from '../cluster/retry-backoff.ts'
import { isTransient, meaningOf } from '../error-meaning.ts'
import { type KafkaError, kafkaErrorOf } from '../errors.ts'
import type { TopicIdPartitions } from '../group/next-gen-requests.ts'
import { handled } from '../runtime/deferred.ts'
import { ShareBrokerLoop } from './broker-loop.ts'
import type { PartitionFailure, ShareCluster, ShareLoopHost } from './loop-host.ts'
import type { Room } from './room.ts'
import { keyOf, type SharePartition, type SharePlace } from './share-partition.ts'

export interface ShareSourceHost
  extends Omit<
    ShareLoopHost,
    | 'fetchable'
    | 'leaveRoom'
    | 'takeRoom'
    | 'returnRoom'
    | 'nextResumeMs'
    | 'partitionFailed'
    | 'brokerFailed'
    | 'maxWaitMs'
  > {
  readonly cluster: ShareCluster
  readonly options: { readonly maxWaitMs: number }
  readonly room: Room
  /** Something reads. */
  readonly isReading: boolean
  readonly limit: number
  create(place: SharePlace): SharePartition
  /** All topics of the assignment are known. */
  onAssigned(added: readonly SharePartition[], removed: readonly SharePartition[]): void
  /** A right is missing, or an error that no retry heals: it is repeated slowly. */
  onObstructed(partition: SharePartition, error: KafkaError): void
}

/** A fetch is held only shortly while there are more brokers than records to acquire: the others wait for it. */
const shortWaitMs = 100

/** From the assignment to a session with each leader. */
export class ShareSource {
  readonly #host: ShareSourceHost
  readonly #loopHost: ShareLoopHost
  readonly #partitions = new Map<string, SharePartition>()
  readonly #loops = new Map<number, ShareBrokerLoop>()
  readonly #stop = new AbortController()
  #assignment: readonly TopicIdPartitions[] = []
  #isComplete = true
  #isLookingUp = false
  /** Topics whose ids were looked up without success so far. */
  #lookUps = 0

  constructor(host: ShareSourceHost) {
    this.#host = host
    const { cluster, member, purpose, limits, room } = host
    this.#loopHost = {
      ...{ cluster, member, purpose, limits },
      fetchable: (brokerId, nowMs) => this.#fetchable(brokerId, nowMs),
      takeRoom: (brokerId) => room.take(brokerId, this.#idleLoops),
      returnRoom: (count) => {
        room.giveBack(count)
        this.wake()
      },
      leaveRoom: (brokerId) => {
        if (room.leave(brokerId)) this.wake()
      },
      maxWaitMs: () => this.#maxWaitMs,
      nextResumeMs: (brokerId, nowMs) => this.#nextResumeMs(brokerId, nowMs),
      accept: (data, acquisition) => host.accept(data, acquisition),
      lost: (brokerId, partition, reason) => host.lost(brokerId, partition, reason),
      partitionFailed: (failure) => this.#failed(failure),
      brokerFailed: () => this.#refresh('a leader was not reached'),
      fatal: (error) => host.fatal(error),
    }
  }

  get partitions(): Iterable<SharePartition> {
    return this.#partitions.values()
  }

  get size(): number {
    return this.#partitions.size
  }

  assign(assignment: readonly TopicIdPartitions[]): void {
    this.#assignment = assignment
    this.#isComplete = false
    this.update()
  }

  /** The assignment or the metadata changed. */
  update(): void {
    if (this.#stop.signal.aborted) return
    if (!this.#isComplete) this.#apply()
    for (const partition of this.#partitions.values()) this.#follow(partition)
    this.wake()
  }

  /** There is more to do for some broker: room, a reader, metadata. */
  wake(): void {
    for (const loop of this.#loops.values()) loop.wake()
  }

  /** A connection of this consumer for fetches ended. */
  disconnected(brokerId: number): void {
    this.#loops.get(brokerId)?.disconnected()
  }

  loop(brokerId: number): ShareBrokerLoop {
    let loop = this.#loops.get(brokerId)
    if (loop === undefined) {
      loop = new ShareBrokerLoop(brokerId, this.#loopHost)
      this.#loops.set(brokerId, loop)
      loop.start()
    }
    return loop
  }

  /** Never rejects. */
  async finish(timeoutMs: number): Promise<void> {
    this.#stop.abort()
    await Promise.all(Array.from(this.#loops.values(), (loop) => loop.finish(timeoutMs)))
  }

  close(): void {
    this.#stop.abort()
    for (const loop of this.#loops.values()) loop.close()
  }

  // ---- the assignment

  #apply(): void {
    const next = new Map<string, SharePartition>()
    const unknown: string[] = []
    for (const { topicId, partitions } of this.#assignment) {
      const name = this.#host.cluster.topicById(topicId)?.name
      if (name === undefined) unknown.push(topicId)
      else this.#place(topicId, name, partitions, next)
    }
    const added = [...next].filter(([key]) => !this.#partitions.has(key)).map(([, partition]) => partition)
    const removed = [...this.#partitions].filter(([key]) => !next.has(key)).map(([, partition]) => partition)
    this.#partitions.clear()
    for (const [key, partition] of next) this.#partitions.set(key, partition)
    this.#isComplete = unknown.length === 0
    if (this.#isComplete) this.#lookUps = 0
    else void this.#lookUp(unknown)
    if (this.#isComplete || added.length + removed.length > 0) this.#host.onAssigned(added, removed)
  }

  #place(topicId: string, topic: string, numbers: readonly number[], into: Map<string, SharePartition>): void {
    for (const partition of numbers) {
      const place = { topic, topicId, partition }
      const key = keyOf(place)
      into.set(key, this.#partitions.get(key) ?? this.#host.create(place))
    }
  }

  /** Topics of an assignment are usually those that the member subscribes to, which the metadata has. */
  async #lookUp(topicIds: readonly string[]): Promise<void> {
    if (this.#isLookingUp) return
    this.#isLookingUp = true
    const { cluster } = this.#host
    const { signal } = this.#stop
    if (this.#lookUps++ > 0) await retryPause(cluster, this.#lookUps, signal)
    await cluster.lookUpTopicIds(topicIds, signal).catch(() => {})
    this.#isLookingUp = false
    this.update()
  }

  // ---- leaders

  #follow(partition: SharePartition): void {
    const { cluster } = this.#host
    const leader = cluster.topicById(partition.topicId)?.partitions[partition.partition]?.leader ?? -1
    if (leader < 0 || leader === partition.brokerId) return
    const before = partition.brokerId
    partition.ledBy(leader)
    if (before >= 0)
      this.#host.lost(before, partition, { code: 'NOT_LEADER_OR_FOLLOWER', why: 'another broker leads the partition' })
    this.loop(leader).wake()
  }

  #failed({ partition, errorCode, message, leader, broker }: PartitionFailure): void {
    const { cluster } = this.#host
    const { topic, partition: index } = partition
    const { moved, missingTopic } = meaningOf(errorCode)
    const error = kafkaErrorOf(errorCode, 'Fetching for a share group', { topic, partition: index, broker, message })
    const isElsewhere = moved === 'leader' || missingTopic
    if (isElsewhere)
      this.#host.lost(broker.id, partition, {
        code: error.code,
        why: 'another broker leads the partition',
        cause: error,
      })
    this.#pause(partition, error)
    if (moved === 'leader' && leader.leaderEpoch > 0)
      cluster.updateLeaders([{ topic, partition: index, leader: leader.leaderId, leaderEpoch: leader.leaderEpoch }])
    if (isElsewhere || error.refreshMetadata) this.#refresh(error.code)
    if (!isTransient(error)) this.#host.onObstructed(partition, error)
  }

  #pause(partition: SharePartition, error: KafkaError): void {
    const { runtime, options } = this.#host.cluster
    const failures = partition.failed()
    const longestMs = options.retryBackoffMaxMs
    const pauseMs = isTransient(error)
      ? Math.min(longestMs, options.retryBackoffMs * 2 ** Math.min(failures - 1, 20))
      : longestMs
    partition.pauseUntil(runtime.monoNow() + pauseMs)
  }

  #refresh(reason: string): void {
    const topics = [...new Set(Array.from(this.#partitions.values(), ({ topic }) => topic))]
    handled(this.#host.cluster.refreshMetadata(reason, topics, { signal: this.#stop.signal }))
  }

  // ---- what each broker is asked for

  #fetchable(brokerId: number, nowMs: number): readonly SharePartition[] {
    if (!this.#host.isReading) return []
    return this.#of(brokerId).filter(({ resumeAtMs }) => resumeAtMs <= nowMs)
  }

  #nextResumeMs(brokerId: number, nowMs: number): number {
    const later = this.#of(brokerId).map(({ resumeAtMs }) =>
      resumeAtMs > nowMs ? resumeAtMs : Number.POSITIVE_INFINITY,
    )
    return Math.min(Number.POSITIVE_INFINITY, ...later)
  }

  #of(brokerId: number): SharePartition[] {
    return [...this.#partitions.values()].filter((partition) => partition.brokerId === brokerId)
  }

  get #leaders(): ReadonlySet<number> {
    return new Set(Array.from(this.#partitions.values(), ({ brokerId }) => brokerId))
  }

  get #idleLoops(): number {
    const leaders = this.#leaders
    return [...this.#loops.values()].filter(({ id, isFetching }) => leaders.has(id) && !isFetching).length
  }

  get #maxWaitMs(): number {
    const { options, limit } = this.#host
    return this.#leaders.size > limit ? Math.min(shortWaitMs, options.maxWaitMs) : options.maxWaitMs
  }
}

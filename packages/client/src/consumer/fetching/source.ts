import type { KafkaError } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { PartitionMap } from '../partition/partition-map.ts'
import { after, type Turns } from '../turns.ts'
import { Backoffs } from './backoffs.ts'
import { BrokerLoop } from './broker-loop.ts'
import { FetchOutcomes } from './fetch-outcomes.ts'
import type { LoopHost } from './loop-host.ts'
import { MetadataRequests } from './metadata-requests.ts'
import { brokerIdOf, type LoopKey, loopKeyOf, PartitionsByBroker } from './partitions-by-broker.ts'
import type { FetchBudget, SourceCluster, SourceHost, SourceOptions } from './source-host.ts'

export interface SourceParts {
  readonly cluster: SourceCluster
  readonly turns: Turns
  readonly options: SourceOptions
  readonly budget: FetchBudget
  readonly partitions: PartitionMap<AssignedPartition>
  readonly host: SourceHost
}

/**
 * Fetches continuously, with one loop per broker, so that a slow broker does not delay the others. Brokers are ids: a broker that
 * leaves the metadata and comes back is another object, maybe at another address.
 */
export class Source {
  readonly #cluster: SourceCluster
  readonly #turns: Turns
  readonly #partitions: PartitionMap<AssignedPartition>
  readonly #budget: FetchBudget
  readonly #host: SourceHost
  readonly #byBroker = new PartitionsByBroker()
  readonly #loops = new Map<LoopKey, BrokerLoop>()
  /** Failures in sequence, by broker id. Loops come and go with their partitions. */
  readonly #failures = new Map<number, number>()
  readonly #backoffs: Backoffs
  readonly #metadata: MetadataRequests
  readonly #outcomes: FetchOutcomes
  readonly #loopHost: LoopHost
  #isUpdating = false
  /** The metadata changed again during an update. */
  #isOutdated = false
  #closed = false

  constructor({ cluster, turns, options, budget, partitions, host }: SourceParts) {
    this.#cluster = cluster
    this.#turns = turns
    this.#partitions = partitions
    this.#budget = budget
    this.#host = host
    this.#backoffs = new Backoffs(cluster, (partition) => this.#resumed(partition))
    this.#metadata = new MetadataRequests(cluster, (isLatest) => this.#refreshed(isLatest))
    this.#outcomes = new FetchOutcomes({
      cluster,
      host,
      backoffs: this.#backoffs,
      metadata: this.#metadata,
      moved: (partition) => this.#place(partition),
    })
    this.#loopHost = this.#createLoopHost(options)
  }

  /** Looks up the leader of each partition. Called after each change of the metadata. */
  update(): void {
    this.#isOutdated = true
    if (!this.#isUpdating) void this.#update().catch((error: unknown) => this.#host.onFatal(error))
  }

  /** New partitions: looks up their leaders. */
  add(partitions: readonly AssignedPartition[]): Promise<void> | undefined {
    return this.#requireLeaders(partitions, never)
  }

  /** They are no longer assigned. */
  remove(partitions: Iterable<AssignedPartition>): void {
    for (const partition of partitions) {
      this.#backoffs.delete(partition)
      const emptied = this.#byBroker.remove(partition)
      if (emptied !== undefined) this.#end(emptied)
    }
  }

  /** A partition became fetchable: its position is known, its bytes were delivered, or its backoff is over. */
  wake(partition?: AssignedPartition): void {
    const loop = partition && this.#loops.get(loopKeyOf(partition))
    if (partition === undefined) for (const each of this.#loops.values()) each.wake()
    else loop?.wake()
    // A loop that waits for room may wait for any partition.
    if (!this.#budget.isFull) for (const each of this.#loops.values()) if (each.starved) each.wake()
  }

  /** The position is known or the partition was resumed: its next record may already be in the log. */
  ready(partition: AssignedPartition): void {
    this.#loops.get(loopKeyOf(partition))?.ready(partition)
    this.wake(partition)
  }

  close(): void {
    this.#closed = true
    for (const loop of this.#loops.values()) loop.stop()
    this.#loops.clear()
    this.#metadata.close()
    this.#backoffs.close()
  }

  /** Number of fetches in flight, for health. */
  get inFlight(): number {
    let count = 0
    for (const loop of this.#loops.values()) if (loop.fetching) count++
    return count
  }

  // ---- the metadata

  async #update(): Promise<void> {
    this.#isUpdating = true
    while (this.#isOutdated && !this.#closed) {
      this.#isOutdated = false
      const ended = this.#requireLeaders([...this.#partitions.all], never)
      if (ended !== undefined) await ended
    }
    this.#isUpdating = false
  }

  /** Applies the metadata, and requests more for partitions that cannot be fetched with it. */
  #requireLeaders(partitions: readonly AssignedPartition[], isRefreshed: () => boolean): Promise<void> | undefined {
    const unresolved = new Set<string>()
    return after(this.#applyMetadata(partitions, isRefreshed, unresolved), () => {
      for (const topic of unresolved) this.#metadata.need(topic)
      return undefined
    })
  }

  /**
   * One pass over the partitions. `isRefreshed`: the metadata is that of a refresh that began after the last request. Adds the topics of those
   * that cannot be fetched with it to `unresolved`.
   */
  #applyMetadata(
    partitions: readonly AssignedPartition[],
    isRefreshed: () => boolean,
    unresolved: Set<string>,
  ): Promise<void> | undefined {
    const apply = (partition: AssignedPartition): void => {
      if (!this.#partitions.all.has(partition)) return
      this.#apply(partition, isRefreshed())
      if (!this.#isResolved(partition)) unresolved.add(partition.topic)
    }
    const release = this.#host.hold()
    return after(
      this.#turns.each(partitions, apply, () => this.#closed),
      () => {
        release()
        this.#syncLoops()
        return undefined
      },
    )
  }

  #apply(partition: AssignedPartition, isRefreshed: boolean): void {
    const { topic, fetching } = partition
    const info = this.#cluster.partition(topic, partition.partition)
    const change = info === undefined ? 'none' : fetching.applyLeader(info)
    const isFound = isRefreshed && fetching.topicMissing && this.#cluster.topic(topic)?.errorCode === 0
    if (isFound) fetching.missTopic(false)
    if (info === undefined || info.leader < 0) this.#outcomes.unavailable(partition)
    this.#byBroker.place(partition)
    // In the same turn: until its position is validated, the partition must not be fetched from the new leader.
    if (change === 'recreated') this.#host.onRecreated(partition)
    else if (change === 'new-epoch') this.#host.onNewEpoch(partition)
    if (isFound) this.ready(partition)
  }

  #isResolved({ topic, partition, fetching }: AssignedPartition): boolean {
    const leader = this.#cluster.partition(topic, partition)?.leader ?? -1
    return leader >= 0 && !fetching.topicMissing && this.#cluster.broker(fetching.brokerId) !== undefined
  }

  /** Returns whether some partitions still have nowhere to be fetched from. */
  async #refreshed(isLatest: () => boolean): Promise<boolean> {
    const unresolved = new Set<string>()
    const ended = this.#applyMetadata([...this.#partitions.all], isLatest, unresolved)
    if (ended !== undefined) await ended
    for (const topic of unresolved) this.#metadata.need(topic)
    return unresolved.size > 0
  }

  // ---- loops

  /** The partition is fetched from elsewhere, outside of a pass. */
  #place(partition: AssignedPartition): void {
    if (this.#closed || !this.#partitions.all.has(partition)) return
    const emptied = this.#byBroker.place(partition)
    if (emptied !== undefined) this.#end(emptied)
    const key = loopKeyOf(partition)
    if (key < 0) return
    const loop = this.#loops.get(key)
    if (loop === undefined) this.#start(key)
    else loop.wake()
  }

  #syncLoops(): void {
    if (this.#closed) return
    for (const [key, loop] of this.#loops) {
      if (this.#byBroker.of(key).size > 0) loop.wake()
      else this.#end(key)
    }
    for (const key of this.#byBroker.keys()) if (!this.#loops.has(key)) this.#start(key)
  }

  #end(key: LoopKey): void {
    this.#loops.get(key)?.stop()
    this.#loops.delete(key)
  }

  #start(key: LoopKey): void {
    const loop = new BrokerLoop(key, this.#loopHost)
    this.#loops.set(key, loop)
    void loop.run()
  }

  async #brokerMissing(key: LoopKey): Promise<void> {
    const partitions = [...this.#byBroker.of(key)]
    const id = brokerIdOf(key)
    const isOver = () => this.#closed || this.#cluster.broker(id) !== undefined
    await this.#turns.each(partitions, (partition) => this.#outcomes.brokerMissing(partition, id), isOver)
    if (isOver()) return
    for (const { topic } of partitions) this.#metadata.need(topic)
  }

  #brokerFailed(key: LoopKey, error: KafkaError, hadWorked: boolean): number {
    const id = brokerIdOf(key)
    const failures = hadWorked ? 1 : (this.#failures.get(id) ?? 0) + 1
    this.#failures.set(id, failures)
    this.#outcomes.unreachable(this.#byBroker.of(key), id, error)
    this.#metadata.request('a fetch failed', undefined)
    return failures
  }

  #resumed(partition: AssignedPartition): void {
    const { fetching, buffer } = partition
    if (fetching.outOfRange && !buffer.isDrained) {
      this.#backoffs.add(partition, this.#cluster.options.retryBackoffMaxMs)
      return
    }
    fetching.leaveRange(false)
    this.ready(partition)
  }

  #createLoopHost(options: SourceOptions): LoopHost {
    const partitionCount = () => this.#partitions.size
    const loopCount = () => this.#loops.size
    return {
      cluster: this.#cluster,
      turns: this.#turns,
      options,
      budget: this.#budget,
      listener: this.#outcomes,
      get loopCount() {
        return loopCount()
      },
      get partitionCount() {
        return partitionCount()
      },
      partitionsOf: (key) => this.#byBroker.of(key),
      brokerMissing: (key) => this.#brokerMissing(key),
      brokerFailed: (key, error, hadWorked) => this.#brokerFailed(key, error, hadWorked),
      brokerResponded: (key) => void this.#failures.delete(brokerIdOf(key)),
      preferenceExpired: (partition) => {
        partition.fetching.forgetPreferred()
        this.#place(partition)
      },
      fatal: (error) => this.#host.onFatal(error),
    }
  }
}

function never(): boolean {
  return false
}

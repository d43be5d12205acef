import type { ErrorName } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import { stringHash } from '../java-order.ts'
import type { CoordinatorReplica } from './coordinator-log.ts'

export interface CoordinatorShardsOptions<R extends CoordinatorReplica, S> {
  readonly runtime: Pick<Runtime, 'defer'>
  /** The internal topic with the coordinator's state. */
  readonly topic: string
  /** The topic's partition count in the broker's metadata; 0 without the topic. */
  readonly partitionCount: () => number
  /** Builds a shard from the log. */
  readonly load: (replica: R) => S
  /** Completes the held requests and clears the timers. */
  readonly unload: (shard: S) => void
  /** Called before a shard is used: applies what has been replicated since. */
  readonly catchUp?: (shard: S) => void
}

/** The shards of a coordinator: one for each partition of its topic that the broker leads. */
export class CoordinatorShards<R extends CoordinatorReplica, S> {
  readonly #options: CoordinatorShardsOptions<R, S>
  /** 'loading' from the election until the log has been read. */
  readonly #partitions = new Map<number, S | 'loading'>()
  #isClosed = false

  constructor(options: CoordinatorShardsOptions<R, S>) {
    this.#options = options
  }

  /** The shard that owns the key, or the error of a broker that cannot serve it now. */
  of(key: string): S | ErrorName {
    if (this.#isClosed) return 'COORDINATOR_NOT_AVAILABLE'
    const count = this.#options.partitionCount()
    const shard = count === 0 ? undefined : this.#partitions.get(partitionOf(key, count))
    if (shard === undefined) return 'NOT_COORDINATOR'
    if (shard === 'loading') return 'COORDINATOR_LOAD_IN_PROGRESS'
    this.#options.catchUp?.(shard)
    return shard
  }

  /** The shard of a partition; undefined while it is loading. */
  at(partition: number): S | undefined {
    const shard = this.#partitions.get(partition)
    return shard === 'loading' ? undefined : shard
  }

  /** All shards, or COORDINATOR_LOAD_IN_PROGRESS while one is loading, because a list would be incomplete. */
  all(): readonly S[] | ErrorName {
    const isLoading = [...this.#partitions.values()].some((shard) => shard === 'loading')
    return isLoading ? 'COORDINATOR_LOAD_IN_PROGRESS' : this.loaded()
  }

  /** The shards that are loaded. */
  loaded(): S[] {
    const shards: S[] = []
    for (const shard of this.#partitions.values()) {
      if (shard === 'loading') continue
      this.#options.catchUp?.(shard)
      shards.push(shard)
    }
    return shards
  }

  onLeadershipGained(replica: R): void {
    if (replica.topic !== this.#options.topic || this.#isClosed) return
    const { partition } = replica
    this.#unload(partition)
    this.#partitions.set(partition, 'loading')
    // In Kafka loading takes time. Deferred by a turn here, so that requests can observe it.
    this.#options.runtime.defer(() => {
      if (this.#partitions.get(partition) !== 'loading' || !replica.isLeader) return
      this.#partitions.set(partition, this.#options.load(replica))
    })
  }

  onLeadershipLost(topic: string, partition: number): void {
    if (topic === this.#options.topic) this.#unload(partition)
  }

  close(): void {
    this.#isClosed = true
    for (const partition of [...this.#partitions.keys()]) this.#unload(partition)
  }

  #unload(partition: number): void {
    const shard = this.#partitions.get(partition)
    this.#partitions.delete(partition)
    if (shard !== undefined && shard !== 'loading') this.#options.unload(shard)
  }
}

/** Java's `Utils.abs(key.hashCode()) % count`; the absolute value of the smallest integer is 0. */
export function partitionOf(key: string, count: number): number {
  const hash = stringHash(key)
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % count
}

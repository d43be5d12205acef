import type { ErrorName } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import { stringHash } from '../java-order.ts'
import type { CoordinatorReplica } from './coordinator-log.ts'

export interface CoordinatorShardsOptions<R extends CoordinatorReplica, S> {
  readonly runtime: Pick<Runtime, 'defer'>
  /** The topic whose partitions keep what is coordinated. */
  readonly topic: string
  /** The number of its partitions as the broker knows it; 0 when there is no such topic. */
  readonly partitionCount: () => number
  /** Reads the log. */
  readonly load: (replica: R) => S
  /** Answers what is held, and clears timers. */
  readonly unload: (shard: S) => void
  /** Before a shard is used: it takes note of what was replicated since. */
  readonly catchUp?: (shard: S) => void
}

/** What a broker coordinates: one shard for each partition of a topic that it leads, read from its log. */
export class CoordinatorShards<R extends CoordinatorReplica, S> {
  readonly #options: CoordinatorShardsOptions<R, S>
  /** 'loading' from the election until the log is read. */
  readonly #partitions = new Map<number, S | 'loading'>()
  #isClosed = false

  constructor(options: CoordinatorShardsOptions<R, S>) {
    this.#options = options
  }

  /** The shard that owns a key, or why this broker cannot serve it now. */
  of(key: string): S | ErrorName {
    if (this.#isClosed) return 'COORDINATOR_NOT_AVAILABLE'
    const count = this.#options.partitionCount()
    const shard = count === 0 ? undefined : this.#partitions.get(partitionOf(key, count))
    if (shard === undefined) return 'NOT_COORDINATOR'
    if (shard === 'loading') return 'COORDINATOR_LOAD_IN_PROGRESS'
    this.#options.catchUp?.(shard)
    return shard
  }

  /** That of a partition, when it is ready. */
  at(partition: number): S | undefined {
    const shard = this.#partitions.get(partition)
    return shard === 'loading' ? undefined : shard
  }

  /** All, or COORDINATOR_LOAD_IN_PROGRESS while one is not ready: a list would lack what it has. */
  all(): readonly S[] | ErrorName {
    const isLoading = [...this.#partitions.values()].some((shard) => shard === 'loading')
    return isLoading ? 'COORDINATOR_LOAD_IN_PROGRESS' : this.loaded()
  }

  /** Those that are ready. */
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
    // Reading a log takes its time in Kafka: a turn here, in which requests see that it is under way.
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

/** As Java has it: `Utils.abs(key.hashCode()) % count`, where the least integer counts as 0. */
export function partitionOf(key: string, count: number): number {
  const hash = stringHash(key)
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % count
}

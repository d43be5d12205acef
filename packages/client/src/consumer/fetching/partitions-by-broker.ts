import type { AssignedPartition } from '../partition/assigned-partition.ts'

/**
 * Who fetches a partition: a broker, by topic ids or by names. A request has either ids or names, so a broker has a loop for each kind
 * that occurs.
 */
export type LoopKey = number

export function loopKeyOf({ fetching }: AssignedPartition): LoopKey {
  return fetching.brokerId < 0 ? -1 : fetching.brokerId * 2 + (fetching.topicId === undefined ? 1 : 0)
}

export function brokerIdOf(key: LoopKey): number {
  return Math.floor(key / 2)
}

export function hasIds(key: LoopKey): boolean {
  return key % 2 === 0
}

/** The partitions by the loop that fetches them, so that a request costs what its own partitions cost. */
export class PartitionsByBroker {
  readonly #sets = new Map<LoopKey, Set<AssignedPartition>>()
  readonly #keys = new Map<AssignedPartition, LoopKey>()

  /** The keys that have partitions. */
  keys(): Iterable<LoopKey> {
    return this.#sets.keys()
  }

  of(key: LoopKey): ReadonlySet<AssignedPartition> {
    return this.#sets.get(key) ?? none
  }

  /** Moves a partition to where it is fetched now. Returns the key that it leaves without partitions. */
  place(partition: AssignedPartition): LoopKey | undefined {
    const key = loopKeyOf(partition)
    if (this.#keys.get(partition) === key) return undefined
    const emptied = this.remove(partition)
    if (key < 0) return emptied
    this.#keys.set(partition, key)
    const set = this.#sets.get(key)
    if (set === undefined) this.#sets.set(key, new Set([partition]))
    else set.add(partition)
    return emptied
  }

  /** Returns the key that the partition leaves without partitions. */
  remove(partition: AssignedPartition): LoopKey | undefined {
    const key = this.#keys.get(partition)
    if (key === undefined) return undefined
    this.#keys.delete(partition)
    const set = this.#sets.get(key)
    set?.delete(partition)
    if (set === undefined || set.size > 0) return undefined
    this.#sets.delete(key)
    return key
  }
}

const none: ReadonlySet<AssignedPartition> = new Set()

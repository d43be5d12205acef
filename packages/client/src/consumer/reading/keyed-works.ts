import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { KeyedItem } from './keyed-item.ts'
import { PartitionWork } from './partition-work.ts'

/** The work by key of all partitions. */
export class KeyedWorks {
  readonly #works = new Map<AssignedPartition, PartitionWork>()

  get size(): number {
    return this.#works.size
  }

  get(partition: AssignedPartition): PartitionWork | undefined {
    return this.#works.get(partition)
  }

  of(partition: AssignedPartition): PartitionWork {
    let work = this.#works.get(partition)
    if (work === undefined) {
      work = new PartitionWork(partition)
      this.#works.set(partition, work)
    }
    return work
  }

  delete(partition: AssignedPartition): void {
    this.#works.delete(partition)
  }

  /** Whether items of paused partitions wait. */
  get hasHeld(): boolean {
    for (const { held } of this.#works.values()) if (held.length > 0) return true
    return false
  }

  /** Removes all of it. Returns the items that are held, or wait in the order of their key. */
  clear(): KeyedItem[] {
    const items: KeyedItem[] = []
    for (const { held, keys } of this.#works.values()) items.push(...held, ...keys)
    this.#works.clear()
    return items
  }
}

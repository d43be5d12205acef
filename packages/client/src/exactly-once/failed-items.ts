import type { Runtime } from '@ottla/runtime'
import type { AssignedPartition } from '../consumer/partition/assigned-partition.ts'
import { ParkedItems } from '../consumer/reading/parked-items.ts'

/** Counts the failed attempts of items, until their offset is committed, and parks their partitions between two attempts. */
export class FailedItems {
  readonly #parked: ParkedItems
  readonly #attempts = new Map<AssignedPartition, Map<number, number>>()

  constructor(runtime: Runtime, onDue: (partition: AssignedPartition) => void) {
    this.#parked = new ParkedItems(runtime, onDue)
  }

  /** Returns how many attempts have failed, this one included. */
  failed(partition: AssignedPartition, offset: number): number {
    const byOffset = this.#attempts.get(partition) ?? new Map<number, number>()
    this.#attempts.set(partition, byOffset)
    const attempts = (byOffset.get(offset) ?? 0) + 1
    byOffset.set(offset, attempts)
    return attempts
  }

  /** The partition delivers nothing for `pauseMs`. */
  park(partition: AssignedPartition, offset: number, pauseMs: number): void {
    this.#parked.park(partition, offset, 0, pauseMs)
  }

  /** What is before this offset is committed. */
  committed(partition: AssignedPartition, before: number): void {
    const byOffset = this.#attempts.get(partition)
    if (byOffset === undefined) return
    for (const offset of byOffset.keys()) if (offset < before) byOffset.delete(offset)
    if (byOffset.size > 0) return
    this.#attempts.delete(partition)
    this.#parked.settled(partition)
  }

  forget(partition: AssignedPartition): void {
    this.#attempts.delete(partition)
    this.#parked.settled(partition)
  }

  close(): void {
    this.#parked.close()
    this.#attempts.clear()
  }
}

import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { PartitionWork } from './partition-work.ts'

/** Partitions whose work by key reached a limit: they are parked until they have room again. */
export class FullPartitions {
  readonly #works = new Set<PartitionWork>()
  readonly #hasFreeRoom: (work: PartitionWork) => boolean
  readonly #ready: (partition: AssignedPartition) => void

  constructor(hasFreeRoom: (work: PartitionWork) => boolean, ready: (partition: AssignedPartition) => void) {
    this.#hasFreeRoom = hasFreeRoom
    this.#ready = ready
  }

  add(work: PartitionWork): void {
    work.isFull = true
    this.#works.add(work)
    work.partition.park(true)
  }

  /** The partition was given up. */
  delete(work: PartitionWork): void {
    this.#works.delete(work)
  }

  /** Those that have room again continue. */
  continueFree(): void {
    for (const work of this.#works) if (this.#hasFreeRoom(work)) this.#continue(work)
  }

  continueAll(): void {
    for (const work of this.#works) this.#continue(work)
  }

  #continue(work: PartitionWork): void {
    this.#works.delete(work)
    work.isFull = false
    work.partition.park(false)
    if (work.partition.owned) this.#ready(work.partition)
  }
}

import { Queue } from '../../runtime/queue.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Era } from '../partition/era.ts'
import { KeyOrder } from './key-order.ts'
import type { ItemOwner, KeyedItem } from './keyed-item.ts'

/** Room for this part of a limit has to be free before a partition that reached it continues: otherwise it would stop at each record. */
const freeShare = 8

/** Of one partition: the items that were taken from its batches and are not processed yet. */
export class PartitionWork implements ItemOwner {
  readonly partition: AssignedPartition
  readonly keys = new KeyOrder()
  /** May be processed, but the partition is paused. */
  readonly held: KeyedItem[] = []
  /** The copies of records that wait. */
  waitingBytes = 0
  /** A limit is reached: no further record is taken until `isFree`. */
  isFull = false
  #era: Era | undefined
  /** The offsets of what was taken since the lowest one that is not processed. */
  readonly #taken = new Queue<number>()

  constructor(partition: AssignedPartition) {
    this.partition = partition
  }

  took({ offset, era }: KeyedItem): void {
    if (this.#era !== era) {
      // The position was moved: what was taken before is not ahead of anything.
      while (this.#taken.size > 0) this.#taken.shift()
      this.#era = era
    }
    this.#taken.push(offset)
  }

  /** How many records were taken since the lowest one that is not processed, compacted offsets not counted. */
  get ahead(): number {
    const taken = this.#taken
    if (taken.size === 0) return 0
    const undone = this.partition.progress.lowestUndone.offset
    for (let offset = taken.peek(); offset !== undefined && offset < undone; offset = taken.peek()) taken.shift()
    return taken.size
  }

  hasRoom(maxAhead: number): boolean {
    return this.ahead < maxAhead
  }

  /** Whether a partition that was full continues. */
  hasFreeRoom(maxAhead: number): boolean {
    return this.ahead <= maxAhead - Math.max(1, Math.floor(maxAhead / freeShare))
  }
}

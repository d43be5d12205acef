import type { KeyedItem } from './keyed-item.ts'
import type { PartitionWork } from './partition-work.ts'

/** Room that has to be free before a partition continues, as a share of the limit. */
const continueBelow = 7 / 8

/**
 * The memory of records that wait for an earlier one of their key. It is counted apart from the prefetched bytes, so that slow keys do not
 * keep the others from being fetched. When it is used up, the partitions that have more than an equal share of it stop.
 */
export class WaitingRoom {
  readonly #maxBytes: number
  readonly #partitionCount: () => number
  #bytes = 0

  constructor(maxBytes: number, partitionCount: () => number) {
    this.#maxBytes = maxBytes
    this.#partitionCount = partitionCount
  }

  get bytes(): number {
    return this.#bytes
  }

  enter(item: KeyedItem): void {
    item.detach()
    item.waitingBytes = item.sizeBytes
    item.work.waitingBytes += item.waitingBytes
    this.#bytes += item.waitingBytes
  }

  leave(item: KeyedItem): void {
    item.work.waitingBytes -= item.waitingBytes
    this.#bytes -= item.waitingBytes
    item.waitingBytes = 0
  }

  hasRoom({ waitingBytes }: PartitionWork): boolean {
    return this.#isBelow(waitingBytes, 1)
  }

  hasFreeRoom({ waitingBytes }: PartitionWork): boolean {
    return this.#isBelow(waitingBytes, continueBelow)
  }

  /** A partition of which nothing waits always has room: one record may be larger than all of it. */
  #isBelow(waitingBytes: number, share: number): boolean {
    const limit = this.#maxBytes * share
    return waitingBytes === 0 || this.#bytes < limit || waitingBytes < limit / Math.max(1, this.#partitionCount())
  }
}

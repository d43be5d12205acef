import { keyOf, type SharePartition } from './share-partition.ts'

const maxEpoch = 0x7fffffff

/** The final epoch: the broker releases everything that the member still has. */
export const finalEpoch = -1

/**
 * The share session with one broker: which partitions it knows, and the epoch that it expects in the next request, a fetch or an
 * acknowledgement (KIP-932). One request is in flight at a time.
 */
export class ShareSession {
  #epoch = 0
  /** By key: a partition that was given up and assigned again is another object, and the broker still has it. */
  #partitions: ReadonlyMap<string, SharePartition> = new Map()

  /** 0: the next request opens a session. */
  get epoch(): number {
    return this.#epoch
  }

  get isOpen(): boolean {
    return this.#epoch > 0
  }

  /** What a fetch of these partitions says: those that the session lacks, and those that it should forget. */
  changes(wanted: readonly SharePartition[]): { added: SharePartition[]; forgotten: SharePartition[] } {
    const known = this.#partitions
    const next = new Set(wanted.map(keyOf))
    return {
      added: wanted.filter((partition) => !known.has(keyOf(partition))),
      forgotten: [...known].filter(([key]) => !next.has(key)).map(([, partition]) => partition),
    }
  }

  /** The broker accepted a request; `wanted`: the partitions of a fetch. */
  accepted(wanted?: readonly SharePartition[]): void {
    this.#epoch = this.#epoch === maxEpoch ? 1 : this.#epoch + 1
    if (wanted !== undefined) this.#partitions = new Map(wanted.map((partition) => [keyOf(partition), partition]))
  }

  /** The next request opens another session. */
  reset(): void {
    this.#epoch = 0
    this.#partitions = new Map()
  }
}

import type { SharePartition } from './share-partition.ts'

const maxEpoch = 0x7fffffff

/** The final epoch: the broker releases everything that the member still has. */
export const finalEpoch = -1

/**
 * The share session with one broker: which partitions it knows, and the epoch that it expects in the next request, a fetch or an
 * acknowledgement (KIP-932). One request is in flight at a time.
 */
export class ShareSession {
  #epoch = 0
  #partitions: ReadonlySet<SharePartition> = new Set()

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
    const next = new Set(wanted)
    return {
      added: wanted.filter((partition) => !known.has(partition)),
      forgotten: [...known].filter((partition) => !next.has(partition)),
    }
  }

  /** The broker accepted a request; `wanted`: the partitions of a fetch. */
  accepted(wanted?: readonly SharePartition[]): void {
    this.#epoch = this.#epoch === maxEpoch ? 1 : this.#epoch + 1
    if (wanted !== undefined) this.#partitions = new Set(wanted)
  }

  /** The next request opens another session. */
  reset(): void {
    this.#epoch = 0
    this.#partitions = new Set()
  }
}

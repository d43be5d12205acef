import type { AssignedPartition } from '../consumer/partition/assigned-partition.ts'
import { type Deferred, deferred } from '../runtime/deferred.ts'
import type { Base } from './round.ts'

/**
 * Partitions whose messages are to be handed out again after an abort. A partition is rewound when no reader has a batch of it:
 * a handler of the aborted round may still run.
 */
export class Rewinds {
  readonly #open = new Map<AssignedPartition, Base>()
  #done: Deferred<void> | undefined

  add(bases: Iterable<readonly [AssignedPartition, Base]>): void {
    for (const [partition, base] of bases) {
      this.#open.set(partition, base)
      this.returned(partition)
    }
  }

  /** A reader has returned its batch of this partition, or the partition was given up. */
  returned(partition: AssignedPartition): void {
    const base = this.#open.get(partition)
    if (base === undefined || (partition.owned && partition.buffer.isOut)) return
    this.#open.delete(partition)
    if (mayRewind(partition, base)) partition.rewind(base.position)
    if (this.#open.size > 0) return
    this.#done?.resolve()
    this.#done = undefined
  }

  /** Resolves when all partitions are rewound or given up. */
  settled(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    this.#done ??= deferred()
    return this.#done.promise
  }
}

/** The offsets of a topic that was created again are others, and a position that is unknown is looked up from the commit. */
function mayRewind({ owned, progress }: AssignedPartition, { era }: Base): boolean {
  return owned && progress.isKnown && era.ended !== 'recreated' && era.ended !== 'lost'
}

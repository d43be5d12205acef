import { deferred } from '../../runtime/deferred.ts'
import { withSignal } from '../../runtime/wait.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Obstacle } from '../partition/trouble.ts'

/** Obstacles that may last for any time: waiting for a position is pointless. */
const lasting: ReadonlySet<Obstacle> = new Set<Obstacle>(['no-leader', 'forbidden', 'failed'])

interface Waiter {
  readonly open: Set<AssignedPartition>
  readonly resolve: () => void
}

/** Those who wait until partitions have a position, or a reason why they cannot have one now. */
export class PositionWaiters {
  readonly #waiters = new Set<Waiter>()

  /** Rejects with the reason of the signal. */
  async wait(partitions: Iterable<AssignedPartition>, signal: AbortSignal | undefined): Promise<void> {
    const open = new Set<AssignedPartition>()
    for (const partition of partitions) if (!isSettled(partition)) open.add(partition)
    if (open.size === 0) return
    const { promise, resolve } = deferred<void>()
    const waiter = { open, resolve: () => resolve() }
    this.#waiters.add(waiter)
    try {
      await withSignal(promise, signal)
    } finally {
      this.#waiters.delete(waiter)
    }
  }

  /** To call when the state of a partition changed. */
  check(partition: AssignedPartition): void {
    if (this.#waiters.size > 0 && isSettled(partition)) this.remove(partition)
  }

  remove(partition: AssignedPartition): void {
    for (const { open, resolve } of this.#waiters) if (open.delete(partition) && open.size === 0) resolve()
  }
}

function isSettled({ owned, fetching, trouble }: AssignedPartition): boolean {
  return !owned || fetching.offset >= 0 || (trouble !== undefined && lasting.has(trouble.obstacle))
}

import { backoffMs } from '../../runtime/backoff.ts'
import { DeadlineTimer } from '../../runtime/deadline-timer.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { SourceCluster } from './source-host.ts'

/** Partitions that failed together resume together: one request for all of them. */
const ticksPerBackoff = 2

/** The partitions that are left out of fetches until their backoff is over. */
export class Backoffs {
  readonly #cluster: Pick<SourceCluster, 'runtime' | 'options'>
  /** A partition may be fetched again. */
  readonly #resumed: (partition: AssignedPartition) => void
  readonly #timer: DeadlineTimer
  readonly #waiting = new Set<AssignedPartition>()

  constructor(cluster: Pick<SourceCluster, 'runtime' | 'options'>, resumed: (partition: AssignedPartition) => void) {
    this.#cluster = cluster
    this.#resumed = resumed
    this.#timer = new DeadlineTimer(cluster.runtime, (nowMs) => this.#resume(nowMs))
  }

  /** With each failure in sequence twice as long, up to `maxMs`. */
  add(partition: AssignedPartition, maxMs: number): void {
    const { runtime, options } = this.#cluster
    const { retryBackoffMs: firstMs } = options
    const pauseMs = backoffMs(runtime, partition.fetching.failures + 1, { firstMs, maxMs: Math.max(firstMs, maxMs) })
    const tickMs = Math.max(1, firstMs / ticksPerBackoff)
    const atMs = Math.ceil((runtime.monoNow() + pauseMs) / tickMs) * tickMs
    partition.fetching.backOff(atMs)
    this.#waiting.add(partition)
    this.#timer.wakeBy(atMs)
  }

  /** The partition is no longer assigned. */
  delete(partition: AssignedPartition): void {
    this.#waiting.delete(partition)
  }

  close(): void {
    this.#timer.stop()
    this.#waiting.clear()
  }

  /** Returns when the next backoff ends. */
  #resume(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    const due: AssignedPartition[] = []
    for (const partition of this.#waiting) {
      const { resumeAtMs } = partition.fetching
      if (resumeAtMs > nowMs) nextMs = Math.min(nextMs, resumeAtMs)
      else due.push(partition)
    }
    for (const partition of due) this.#waiting.delete(partition)
    // These may back off again.
    for (const partition of due) this.#resumed(partition)
    return nextMs
  }
}

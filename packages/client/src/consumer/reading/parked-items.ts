import type { Runtime } from '@ottla/runtime'
import { DeadlineTimer } from '../../runtime/deadline-timer.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'

interface Parked {
  readonly offset: number
  readonly attempts: number
  readonly dueMs: number
}

/**
 * Items whose handler failed and that wait for their next attempt. No handler has them meanwhile: no worker is held, the pause
 * is not processing time, and a revocation need not wait. Their partition delivers nothing until they are due.
 */
export class ParkedItems {
  readonly #runtime: Runtime
  readonly #parked = new Map<AssignedPartition, Parked>()
  readonly #onDue: (partition: AssignedPartition) => void
  readonly #timer: DeadlineTimer

  constructor(runtime: Runtime, onDue: (partition: AssignedPartition) => void) {
    this.#runtime = runtime
    this.#onDue = onDue
    this.#timer = new DeadlineTimer(runtime, (nowMs) => this.#wake(nowMs))
  }

  /** How many attempts the item at this offset had. */
  attemptsOf(partition: AssignedPartition, offset: number): number {
    const parked = this.#parked.get(partition)
    return parked?.offset === offset ? parked.attempts : 0
  }

  park(partition: AssignedPartition, offset: number, attempts: number, pauseMs: number): void {
    const dueMs = this.#runtime.monoNow() + pauseMs
    this.#parked.set(partition, { offset, attempts, dueMs })
    partition.park(true)
    this.#timer.wakeBy(dueMs)
  }

  /** The item was processed. */
  settled(partition: AssignedPartition): void {
    if (this.#parked.size > 0) this.#parked.delete(partition)
  }

  /** The run ends: what is parked stays undone, for the next reader. */
  close(): void {
    this.#timer.stop()
    for (const partition of this.#parked.keys()) this.#resume(partition)
    this.#parked.clear()
  }

  #wake(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const [partition, { dueMs }] of this.#parked) {
      if (!partition.owned) this.#parked.delete(partition)
      else if (dueMs <= nowMs) this.#resume(partition)
      else nextMs = Math.min(nextMs, dueMs)
    }
    return nextMs
  }

  #resume(partition: AssignedPartition): void {
    partition.park(false)
    this.#onDue(partition)
  }
}

import type { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { Queue } from '../runtime/queue.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { PausablePartition } from './producer-parts.ts'

/** What happens to batches and partitions by time alone: linger, pauses before retries, delivery timeouts. */
export class Deadlines {
  readonly #options: ResolvedProducerOptions
  readonly #timer: DeadlineTimer
  readonly #onExpired: (batch: ProducerBatch) => void
  /** In the order of their creation, except for the parts of split batches, which may expire a little late. */
  readonly #unsettled = new Set<ProducerBatch>()
  readonly #lingering = new Queue<ProducerBatch>()
  readonly #pausing = new Map<PausablePartition, number>()

  constructor(options: ResolvedProducerOptions, timer: DeadlineTimer, onExpired: (batch: ProducerBatch) => void) {
    this.#options = options
    this.#timer = timer
    this.#onExpired = onExpired
    timer.add((nowMs) => this.#expire(nowMs))
    timer.add((nowMs) => this.#endPauses(nowMs))
    if (options.lingerMs > 0) timer.add((nowMs) => this.#endLingers(nowMs))
  }

  get unsettled(): Iterable<ProducerBatch> {
    return this.#unsettled
  }

  get unsettledCount(): number {
    return this.#unsettled.size
  }

  begin(batch: ProducerBatch): void {
    this.#unsettled.add(batch)
    if (this.#unsettled.size === 1) this.#timer.wakeBy(batch.createdMs + this.#options.deliveryTimeoutMs)
    if (this.#options.lingerMs === 0 || batch.lingered) return
    this.#lingering.push(batch)
    if (this.#lingering.size === 1) this.#timer.wakeBy(batch.createdMs + this.#options.lingerMs)
  }

  end(batch: ProducerBatch): void {
    this.#unsettled.delete(batch)
  }

  /** Schedules the partition at that time. */
  pause(partition: PausablePartition, untilMs: number): void {
    this.#pausing.set(partition, untilMs)
    this.#timer.wakeBy(untilMs)
  }

  isPaused(partition: PausablePartition): boolean {
    return this.#pausing.has(partition)
  }

  /** No batch lingers any more. */
  endLingers(): void {
    for (let batch = this.#lingering.shift(); batch !== undefined; batch = this.#lingering.shift()) endLinger(batch)
  }

  #expire(nowMs: number): number {
    const { deliveryTimeoutMs } = this.#options
    for (const batch of this.#unsettled) {
      const deadlineMs = batch.createdMs + deliveryTimeoutMs
      if (deadlineMs > nowMs) return deadlineMs
      this.#onExpired(batch)
    }
    return Number.POSITIVE_INFINITY
  }

  #endPauses(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const [partition, untilMs] of this.#pausing) {
      if (untilMs > nowMs) {
        nextMs = Math.min(nextMs, untilMs)
        continue
      }
      this.#pausing.delete(partition)
      partition.schedule()
    }
    return nextMs
  }

  #endLingers(nowMs: number): number {
    for (let first = this.#lingering.peek(); first !== undefined; first = this.#lingering.peek()) {
      const lingersUntilMs = first.createdMs + this.#options.lingerMs
      const waits = first.partition.open === first
      if (waits && lingersUntilMs > nowMs) return lingersUntilMs
      this.#lingering.shift()
      endLinger(first)
    }
    return Number.POSITIVE_INFINITY
  }
}

function endLinger(batch: ProducerBatch): void {
  if (batch.partition.open === batch) batch.partition.endLinger()
}

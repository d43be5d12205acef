import type { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { Queue } from '../runtime/queue.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import type { ProducerBatch } from './producer-batch.ts'

/** What happens to batches and partitions by time alone: linger, retries after a pause, delivery timeouts. */
export class Deadlines {
  readonly #options: ResolvedProducerOptions
  readonly #timer: DeadlineTimer
  readonly #onExpired: (batch: ProducerBatch) => void
  /** In the order of their creation, but for the parts of split batches, which expire a little late at worst. */
  readonly #unsettled = new Set<ProducerBatch>()
  readonly #lingering = new Queue<ProducerBatch>()
  readonly #pausing = new Map<PartitionBuffer, number>()

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

  /** Touches the partition at that time. */
  pause(partition: PartitionBuffer, untilMs: number): void {
    this.#pausing.set(partition, untilMs)
    this.#timer.wakeBy(untilMs)
  }

  pauses(partition: PartitionBuffer): boolean {
    return this.#pausing.has(partition)
  }

  /** Nobody lingers any more. */
  hurry(): void {
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
      partition.touch()
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

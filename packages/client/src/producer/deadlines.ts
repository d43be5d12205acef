import type { DeadlineTimer } from '../runtime/deadline-timer.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { PausablePartition } from './producer-parts.ts'

/** A batch takes records for this long after its linger time: it expires with its oldest record, so that none expires much too early. */
const openForMs = 500

/** What happens to batches and partitions by time alone: linger, pauses before retries, delivery timeouts. */
export class Deadlines {
  readonly #options: ResolvedProducerOptions
  readonly #timer: DeadlineTimer
  readonly #onExpired: (batch: ProducerBatch) => void
  /** In the order of `createdMs`. */
  readonly #unsettled = new Set<ProducerBatch>()
  /** Those that are older than one before them: parts of split batches, records that waited for their topic or for space. */
  readonly #late = new Set<ProducerBatch>()
  /** Not read: V8 drops the optimized code of the hot path when a garbage collection finds no batch at all. */
  lastEnded: ProducerBatch | undefined
  #newestMs = Number.NEGATIVE_INFINITY
  /** In the order of their creation. */
  readonly #lingering = new Set<ProducerBatch>()
  readonly #pausing = new Map<PausablePartition, number>()

  constructor(options: ResolvedProducerOptions, timer: DeadlineTimer, onExpired: (batch: ProducerBatch) => void) {
    this.#options = options
    this.#timer = timer
    this.#onExpired = onExpired
    timer.add((nowMs) => this.#expire(nowMs))
    timer.add((nowMs) => this.#closeOld(nowMs))
    timer.add((nowMs) => this.#endPauses(nowMs))
    if (options.lingerMs > 0) timer.add((nowMs) => this.#endLingers(nowMs))
  }

  get unsettled(): readonly ProducerBatch[] {
    return [...this.#unsettled, ...this.#late]
  }

  get unsettledCount(): number {
    return this.#unsettled.size + this.#late.size
  }

  begin(batch: ProducerBatch): void {
    const { createdMs } = batch
    const isLate = createdMs < this.#newestMs
    this.#newestMs = Math.max(this.#newestMs, createdMs)
    if (isLate) this.#late.add(batch)
    else this.#unsettled.add(batch)
    if (isLate || this.#unsettled.size === 1) this.#timer.wakeBy(createdMs + this.#options.deliveryTimeoutMs)
    if (!batch.lingered) this.#timer.wakeBy(createdMs + this.#options.lingerMs + openForMs)
    if (this.#options.lingerMs === 0 || batch.lingered) return
    this.#lingering.add(batch)
    if (this.#lingering.size === 1) this.#timer.wakeBy(createdMs + this.#options.lingerMs)
  }

  end(batch: ProducerBatch): void {
    this.lastEnded = batch
    if (!this.#unsettled.delete(batch)) this.#late.delete(batch)
    this.#lingering.delete(batch)
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
    for (const batch of this.#lingering) {
      this.#lingering.delete(batch)
      endLinger(batch)
    }
  }

  #expire(nowMs: number): number {
    const { deliveryTimeoutMs } = this.#options
    for (const batch of this.#unsettled) {
      const deadlineMs = batch.createdMs + deliveryTimeoutMs
      if (deadlineMs > nowMs) return Math.min(deadlineMs, this.#expireLate(nowMs))
      this.#onExpired(batch)
    }
    return this.#expireLate(nowMs)
  }

  #closeOld(nowMs: number): number {
    const ageMs = this.#options.lingerMs + openForMs
    let nextMs = Number.POSITIVE_INFINITY
    const close = (batch: ProducerBatch): void => {
      if (batch.partition.open !== batch) return
      const closesMs = batch.createdMs + ageMs
      if (closesMs > nowMs) nextMs = Math.min(nextMs, closesMs)
      else batch.partition.closeOpen()
    }
    for (const batch of this.#unsettled) {
      close(batch)
      // The others are younger.
      if (nextMs !== Number.POSITIVE_INFINITY) break
    }
    for (const batch of this.#late) close(batch)
    return nextMs
  }

  #expireLate(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const batch of this.#late) {
      const deadlineMs = batch.createdMs + this.#options.deliveryTimeoutMs
      if (deadlineMs > nowMs) nextMs = Math.min(nextMs, deadlineMs)
      else this.#onExpired(batch)
    }
    return nextMs
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
    for (const batch of this.#lingering) {
      const lingersUntilMs = batch.createdMs + this.#options.lingerMs
      const waits = batch.partition.open === batch
      if (waits && lingersUntilMs > nowMs) return lingersUntilMs
      this.#lingering.delete(batch)
      endLinger(batch)
    }
    return Number.POSITIVE_INFINITY
  }
}

function endLinger(batch: ProducerBatch): void {
  if (batch.partition.open === batch) batch.partition.endLinger()
}

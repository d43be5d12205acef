import type { Runtime } from '@ottla/runtime'
import { describePartition, KafkaError } from '../../errors.ts'
import { DeadlineTimer } from '../../runtime/deadline-timer.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Deliveries, Delivery } from './delivery.ts'

/**
 * 'no-reader': nothing reads. 'not-fetched': no fetch of the partition succeeds. 'not-read': records are there and no reader takes them.
 * 'not-settled': an item of it is in hand.
 */
export type StuckReason = 'no-reader' | 'not-fetched' | 'not-read' | 'not-settled'

export interface Stuck {
  readonly partition: AssignedPartition
  readonly reason: StuckReason
  readonly elapsedMs: number
  readonly error: KafkaError | undefined
}

export interface WatchdogOptions {
  readonly maxProcessingMs: number
  /** Time in ms between the abort of an item and the end of the membership. */
  readonly graceMs: number
  /** A fetch may take this long. */
  readonly longestFetchMs: number
  readonly deliveries: Deliveries
  readonly partitions: ReadonlySet<AssignedPartition>
  /** When the last fetch that included the partition succeeded, on `monoNow`; -1: none yet. */
  readonly fetchedAtMs: (partition: AssignedPartition) => number
  /** Since when nothing reads; undefined: a reader is active. */
  readonly idleSinceMs: () => number | undefined
  readonly onStalled: (delivery: Delivery, error: KafkaError, elapsedMs: number) => void
  /** The item is still in hand after its abort: another member must get the partition. */
  readonly onOverdue: (delivery: Delivery, error: KafkaError) => void
  readonly onStuck: (stuck: Stuck) => void
  /** Nothing has read for `maxProcessingMs`: other members must get the partitions. */
  readonly onNoReader: (elapsedMs: number) => void
}

/** Number of checks per `maxProcessingMs`. */
const checks = 5
const longestCheckMs = 30_000
/** An obstacle that lasts longer than this is trouble. */
const obstacleMs = 30_000

/** What all partitions have in common at one look. */
interface Look {
  readonly nowMs: number
  /** How long nothing has read. */
  readonly unreadMs: number
  /** For how long the oldest item of a partition is in hand. */
  readonly inHandMs: ReadonlyMap<AssignedPartition, number>
}

interface Seen<T> {
  readonly state: T
  readonly sinceMs: number
}

/**
 * Watches items in hand, wherever their partition went, and partitions that are not fetched, read or settled. It reads the clock once
 * per check, not per item.
 */
export class Watchdog {
  readonly #runtime: Runtime
  readonly #options: WatchdogOptions
  readonly #everyMs: number
  readonly #timer: DeadlineTimer
  /** The items in hand by the turn of their delivery. */
  readonly #items = new Map<Delivery, Seen<number> & { isStalled: boolean; isOverdue: boolean }>()
  /** The next offsets of partitions with records to read. */
  readonly #unread = new Map<AssignedPartition, Seen<number>>()
  /** What was reported, until it ends. */
  readonly #reported = new Map<AssignedPartition, StuckReason>()
  #startedMs: number
  #isStopped = false

  constructor(runtime: Runtime, options: WatchdogOptions) {
    this.#runtime = runtime
    this.#options = options
    this.#everyMs = Math.min(longestCheckMs, Math.max(1, options.maxProcessingMs / checks))
    this.#startedMs = runtime.monoNow()
    this.#timer = new DeadlineTimer(runtime, (nowMs) => {
      this.#checkItems(nowMs)
      // The consumer may have failed because of an item.
      if (!this.#isStopped) this.#checkPartitions(nowMs)
      return this.#isStopped ? Number.POSITIVE_INFINITY : nowMs + this.#everyMs
    })
  }

  start(): void {
    this.#startedMs = this.#runtime.monoNow()
    this.#timer.wakeIn(this.#everyMs)
  }

  stop(): void {
    this.#isStopped = true
    this.#timer.stop()
    this.#items.clear()
    this.#unread.clear()
    this.#reported.clear()
  }

  /** What is stuck now. */
  diagnose(): Stuck[] {
    const look = this.#look(this.#runtime.monoNow())
    const found: Stuck[] = []
    for (const partition of this.#options.partitions) {
      const stuck = this.#diagnosePartition(partition, look)
      if (stuck !== undefined) found.push(stuck)
    }
    return found
  }

  #checkItems(nowMs: number): void {
    const { deliveries, maxProcessingMs, graceMs, onStalled, onOverdue } = this.#options
    for (const delivery of this.#items.keys()) if (delivery.partition === undefined) this.#items.delete(delivery)
    for (const delivery of deliveries) {
      if (delivery.partition === undefined) continue
      const seen = this.#items.get(delivery)
      if (seen === undefined || seen.state !== delivery.turn) {
        this.#items.set(delivery, { state: delivery.turn, sinceMs: nowMs, isStalled: false, isOverdue: false })
        continue
      }
      const elapsedMs = nowMs - seen.sinceMs
      if (!seen.isStalled && elapsedMs >= maxProcessingMs) {
        seen.isStalled = true
        onStalled(delivery, processingError(delivery, maxProcessingMs), Math.round(elapsedMs))
      } else if (seen.isStalled && !seen.isOverdue && elapsedMs >= maxProcessingMs + graceMs) {
        seen.isOverdue = true
        onOverdue(delivery, processingError(delivery, maxProcessingMs))
      }
    }
  }

  #checkPartitions(nowMs: number): void {
    const { partitions, onStuck, onNoReader } = this.#options
    for (const partition of this.#reported.keys()) if (!partitions.has(partition)) this.#reported.delete(partition)
    this.#notice(nowMs)
    const look = this.#look(nowMs)
    for (const partition of partitions) {
      const stuck = this.#diagnosePartition(partition, look)
      if (stuck === undefined) this.#reported.delete(partition)
      else if (this.#reported.get(partition) !== stuck.reason) {
        this.#reported.set(partition, stuck.reason)
        onStuck({ ...stuck, elapsedMs: Math.round(stuck.elapsedMs) })
      }
    }
    // A listener of `onStuck` may have started a reader.
    const unreadMs = this.#withoutReaderMs(nowMs)
    if (unreadMs >= this.#options.maxProcessingMs) onNoReader(unreadMs)
  }

  /** Remembers since when partitions have records at the same position. One whose next record is not due yet is not late. */
  #notice(nowMs: number): void {
    const { partitions } = this.#options
    for (const partition of this.#unread.keys()) if (!partitions.has(partition)) this.#unread.delete(partition)
    for (const partition of partitions) {
      const { next } = partition.progress
      if (!partition.buffer.hasBatch || partition.parked) this.#unread.delete(partition)
      else if (this.#unread.get(partition)?.state !== next) this.#unread.set(partition, { state: next, sinceMs: nowMs })
    }
  }

  #diagnosePartition(partition: AssignedPartition, look: Look): Stuck | undefined {
    if (partition.paused || partition.revoking) return undefined
    const { maxProcessingMs } = this.#options
    const { nowMs, unreadMs } = look
    const inHandMs = look.inHandMs.get(partition) ?? 0
    if (inHandMs >= maxProcessingMs) return { partition, reason: 'not-settled', elapsedMs: inHandMs, error: undefined }
    if (unreadMs >= maxProcessingMs) return { partition, reason: 'no-reader', elapsedMs: unreadMs, error: undefined }
    const { trouble } = partition
    const troubleMs = trouble === undefined ? 0 : nowMs - trouble.sinceMs
    if (troubleMs >= obstacleMs) {
      return { partition, reason: 'not-fetched', elapsedMs: troubleMs, error: trouble?.error }
    }
    const unread = this.#unread.get(partition)
    const waitingMs = unread === undefined || unread.state !== partition.progress.next ? 0 : nowMs - unread.sinceMs
    if (waitingMs >= maxProcessingMs) return { partition, reason: 'not-read', elapsedMs: waitingMs, error: undefined }
    const silentMs = this.#silentMs(partition, nowMs)
    if (silentMs >= this.#options.longestFetchMs + obstacleMs) {
      return { partition, reason: 'not-fetched', elapsedMs: silentMs, error: undefined }
    }
    return undefined
  }

  /** One pass over the items: their number and that of the partitions may both be thousands. */
  #look(nowMs: number): Look {
    const inHandMs = new Map<AssignedPartition, number>()
    for (const [{ partition, turn }, { state, sinceMs }] of this.#items) {
      if (partition === undefined || turn !== state) continue
      inHandMs.set(partition, Math.max(inHandMs.get(partition) ?? 0, nowMs - sinceMs))
    }
    return { nowMs, unreadMs: this.#withoutReaderMs(nowMs), inHandMs }
  }

  /** Between two polls nothing reads either, whatever is in hand. */
  #withoutReaderMs(nowMs: number): number {
    const idleMs = this.#options.idleSinceMs()
    if (idleMs === undefined) return 0
    return nowMs - Math.max(idleMs, this.#startedMs)
  }

  /** How long no fetch brought anything, although nothing of the partition waits for a reader. */
  #silentMs(partition: AssignedPartition, nowMs: number): number {
    if (partition.halted || partition.fetching.offset < 0 || partition.buffer.bytes > 0 || partition.buffer.isOut)
      return 0
    if (partition.isAtEnd) return 0
    return nowMs - Math.max(this.#options.fetchedAtMs(partition), this.#startedMs)
  }
}

function processingError(delivery: Delivery, limitMs: number): KafkaError {
  const { topic = '', partition = -1 } = delivery.partition ?? {}
  const offset = delivery.start
  const place = describePartition({ topic, partition, offset })
  return new KafkaError('PROCESSING_TIMED_OUT', `Processing of ${place} exceeded maxProcessingMs (${limitMs})`, {
    topic,
    partition,
    offset: BigInt(offset),
    fatal: true,
    hint: 'Raise maxProcessingMs, or let the handler return when its signal aborts.',
  })
}

import type { Runtime } from '@ottla/runtime'
import { describePartition, KafkaError } from '../errors.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import type { Cursor } from './cursor.ts'

export interface ProcessingWatchdogOptions {
  readonly maxProcessingMs: number
  /** Time in ms between the abort and the eviction. */
  readonly graceMs: number
  readonly cursors: ReadonlySet<Cursor>
  readonly onStalled: (cursor: Cursor, elapsedMs: number) => void
  /** Still running after the abort: another member must get the partition. */
  readonly onEvict: (cursor: Cursor) => void
}

/** Number of checks per `maxProcessingMs`. */
const watchParts = 5
const longestWatchMs = 30_000

/** Detects items whose processing takes too long, without reading the clock for each item. */
export class ProcessingWatchdog {
  readonly #options: ProcessingWatchdogOptions
  readonly #everyMs: number
  readonly #timer: DeadlineTimer
  readonly #seen = new Map<Cursor, { end: number; sinceMs: number; isReported: boolean }>()

  constructor(runtime: Runtime, options: ProcessingWatchdogOptions) {
    this.#options = options
    this.#everyMs = Math.min(longestWatchMs, Math.max(1, options.maxProcessingMs / watchParts))
    this.#timer = new DeadlineTimer(runtime, (nowMs) => {
      this.#look(nowMs)
      return nowMs + this.#everyMs
    })
  }

  start(): void {
    this.#timer.wakeIn(this.#everyMs)
  }

  stop(): void {
    this.#timer.stop()
    this.#seen.clear()
  }

  #look(nowMs: number): void {
    const { maxProcessingMs, graceMs, cursors, onStalled, onEvict } = this.#options
    for (const cursor of this.#seen.keys()) if (cursor.inHand === 0 || !cursor.owned) this.#seen.delete(cursor)
    for (const cursor of cursors) {
      if (cursor.inHand === 0) continue
      const seen = this.#seen.get(cursor)
      if (seen === undefined || seen.end !== cursor.handedEnd) {
        this.#seen.set(cursor, { end: cursor.handedEnd, sinceMs: nowMs, isReported: false })
      } else if (!seen.isReported && nowMs - seen.sinceMs >= maxProcessingMs) {
        seen.isReported = true
        onStalled(cursor, nowMs - seen.sinceMs)
      } else if (seen.isReported && nowMs - seen.sinceMs >= maxProcessingMs + graceMs) {
        onEvict(cursor)
        return
      }
    }
  }
}

export function processingError({ topic, partition, handedEnd }: Cursor, limitMs: number): KafkaError {
  const place = describePartition({ topic, partition, offset: handedEnd - 1 })
  const message = `Processing of ${place} exceeded maxProcessingMs (${limitMs})`
  return new KafkaError('PROCESSING_TIMED_OUT', message, {
    topic,
    partition,
    offset: BigInt(handedEnd - 1),
    fatal: true,
    hint: 'Raise maxProcessingMs, or let the handler return when its signal aborts.',
  })
}

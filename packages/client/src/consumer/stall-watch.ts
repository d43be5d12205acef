import type { Runtime } from '@ottla/runtime'
import { describePartition, KafkaError } from '../errors.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import type { Cursor } from './cursor.ts'

export interface StallWatchOptions {
  readonly maxProcessingMs: number
  /** From the abort until the partition has to go. */
  readonly graceMs: number
  readonly cursors: ReadonlySet<Cursor>
  readonly onStalled: (cursor: Cursor, elapsedMs: number) => void
  /** Not done in spite of the abort: somebody else has to have the partition. */
  readonly onEvict: (cursor: Cursor) => void
}

/** How often, at least, items are looked at: in so many parts of the limit. */
const watchParts = 5
const longestWatchMs = 30_000

/** Finds items that the application works on for too long, without reading the clock for each of them. */
export class StallWatch {
  readonly #options: StallWatchOptions
  readonly #everyMs: number
  readonly #timer: DeadlineTimer
  readonly #seen = new Map<Cursor, { end: number; sinceMs: number; told: boolean }>()

  constructor(runtime: Runtime, options: StallWatchOptions) {
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
        this.#seen.set(cursor, { end: cursor.handedEnd, sinceMs: nowMs, told: false })
      } else if (!seen.told && nowMs - seen.sinceMs >= maxProcessingMs) {
        seen.told = true
        onStalled(cursor, nowMs - seen.sinceMs)
      } else if (seen.told && nowMs - seen.sinceMs >= maxProcessingMs + graceMs) {
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

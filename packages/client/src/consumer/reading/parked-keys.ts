import type { Runtime } from '@ottla/runtime'
import { DeadlineTimer } from '../../runtime/deadline-timer.ts'
import type { KeyedItem } from './keyed-item.ts'

type RunnerClock = Pick<Runtime, 'monoNow' | 'setTimer' | 'clearTimer'>

/** Records by key that wait for their next attempt, without a worker. */
export class ParkedKeys implements Iterable<KeyedItem> {
  readonly #items = new Set<KeyedItem>()
  readonly #clock: RunnerClock
  readonly #timer: DeadlineTimer
  readonly #onDue: (item: KeyedItem) => void
  readonly #onWoken: () => void

  get size(): number {
    return this.#items.size
  }

  /** `onDue` is called for each item that is due, and `onWoken` after that. */
  constructor(clock: RunnerClock, onDue: (item: KeyedItem) => void, onWoken: () => void) {
    this.#clock = clock
    this.#onDue = onDue
    this.#onWoken = onWoken
    this.#timer = new DeadlineTimer(clock, (nowMs) => this.#wake(nowMs))
  }

  add(item: KeyedItem, pauseMs: number): void {
    item.dueMs = this.#clock.monoNow() + pauseMs
    this.#items.add(item)
    this.#timer.wakeBy(item.dueMs)
  }

  delete(item: KeyedItem): void {
    this.#items.delete(item)
  }

  clear(): void {
    this.#items.clear()
  }

  stop(): void {
    this.#timer.stop()
  }

  [Symbol.iterator](): Iterator<KeyedItem> {
    return this.#items.values()
  }

  #wake(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const item of this.#items) {
      if (item.dueMs > nowMs) nextMs = Math.min(nextMs, item.dueMs)
      else {
        this.#items.delete(item)
        this.#onDue(item)
      }
    }
    this.#onWoken()
    return nextMs
  }
}

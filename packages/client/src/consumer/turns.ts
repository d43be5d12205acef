import type { Runtime } from '@ottla/runtime'

/** Up to this number of partitions work is not divided: it costs less than a turn of the event loop is worth. */
const fewPartitions = 100
/** The work on this number of partitions, or of this time, is all that is done in one turn. */
const mostPerTurn = 500
const sliceMs = 5
/** The clock is read once per this number of items: code that runs for the first time is slow. */
const itemsPerLook = 8

/** Requests for more partitions are split: a request is written, and its response decoded, in one turn. */
export const mostPartitionsPerRequest = 1_500

/**
 * Divides work on thousands of partitions between turns of the event loop, so that it delays neither heartbeats nor the application. All
 * parts of a consumer share one object: each turn has one slice, of those that wait the first. Between two slices everything may change: the
 * work on an item has to look at the state of that moment.
 */
export class Turns {
  readonly #runtime: Pick<Runtime, 'defer' | 'monoNow'>
  readonly #mostItems: number
  readonly #waiting: (() => void)[] = []
  #isScheduled = false
  /** This turn has its slice. */
  #isTaken = false

  constructor(runtime: Pick<Runtime, 'defer' | 'monoNow'>, mostItems = mostPerTurn) {
    this.#runtime = runtime
    this.#mostItems = mostItems
  }

  /**
   * Calls `act` for each item, in order. Synchronous for few items: undefined. Otherwise resolves after the last one, or as soon as `isOver`
   * returns true before a slice. Rejects with an error that `act` throws in a later turn.
   */
  each<T>(items: readonly T[], act: (item: T) => void, isOver: () => boolean = never): Promise<void> | undefined {
    const { length } = items
    if (length <= Math.min(fewPartitions, this.#mostItems)) {
      for (const item of items) act(item)
      return undefined
    }
    if (this.#isTaken) return this.#continue(items, 0, act, isOver)
    this.#isTaken = true
    this.#schedule()
    const from = this.#slice(items, 0, act)
    return from < length ? this.#continue(items, from, act, isOver) : undefined
  }

  /** For work on `count` partitions that cannot be divided: undefined if it is small, else resolves in another turn. */
  own(count: number): Promise<void> | undefined {
    return count <= Math.min(fewPartitions, this.#mostItems) ? undefined : this.next()
  }

  /** Resolves in another turn, in which nothing else that waits here continues. */
  next(): Promise<void> {
    return new Promise((resume) => {
      this.#waiting.push(resume)
      this.#schedule()
    })
  }

  async #continue<T>(items: readonly T[], from: number, act: (item: T) => void, isOver: () => boolean): Promise<void> {
    for (let at = from; at < items.length; at = this.#slice(items, at, act)) {
      await this.next()
      if (isOver()) return
    }
  }

  /** Returns where to continue. */
  #slice<T>(items: readonly T[], from: number, act: (item: T) => void): number {
    const startMs = this.#runtime.monoNow()
    const end = Math.min(items.length, from + this.#mostItems)
    for (let at = from; at < end; at++) {
      act(items[at] as T)
      const done = at + 1 - from
      if (done % itemsPerLook === 0 && this.#runtime.monoNow() - startMs > sliceMs) return at + 1
    }
    return end
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#runtime.defer(() => {
      this.#isScheduled = false
      const resume = this.#waiting.shift()
      this.#isTaken = resume !== undefined
      if (resume === undefined) return
      this.#schedule()
      resume()
    })
  }
}

/** Continues after work that may have been divided; immediately if it was not. */
export function after(
  ended: Promise<void> | undefined,
  next: () => Promise<void> | undefined,
): Promise<void> | undefined {
  return ended === undefined ? next() : ended.then(next)
}

function never(): boolean {
  return false
}

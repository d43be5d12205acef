import type { ErrorName } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'

/** Something that was written to. */
export interface Syncable {
  sync(): Promise<void>
}

/**
 * Syncs what was written, for all that wait in a turn together: while one round runs, those that come wait for the next. A
 * round takes all files, so whoever waits is sure of all that was written before.
 */
export class SyncRounds {
  readonly #runtime: Runtime
  #dirty = new Set<Syncable>()
  #waiting: ((error: ErrorName) => void)[] = []
  #isUnderWay = false
  #roundCount = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get roundCount(): number {
    return this.#roundCount
  }

  mark(file: Syncable): void {
    this.#dirty.add(file)
  }

  unmark(file: Syncable): void {
    this.#dirty.delete(file)
  }

  /** `done` is told NONE, or KAFKA_STORAGE_ERROR when it is not sure that all survives. */
  whenSynced(done: (error: ErrorName) => void): void {
    this.#waiting.push(done)
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    this.#runtime.defer(() => void this.#rounds())
  }

  async #rounds(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting
      const dirty = this.#dirty
      this.#waiting = []
      this.#dirty = new Set()
      this.#roundCount++
      const results = await this.#runtime.work(() => Promise.allSettled(Array.from(dirty, (file) => file.sync())))
      const isSynced = results.every(({ status }) => status === 'fulfilled')
      for (const done of waiting) done(isSynced ? 'NONE' : 'KAFKA_STORAGE_ERROR')
    }
    this.#isUnderWay = false
  }
}

import type { ErrorName } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'

/** A file with unsynced writes. */
export interface Syncable {
  sync(): Promise<void>
}

/**
 * Syncs written files in rounds, shared by all callers of a turn: a caller during a round waits for the next one. A round
 * includes all marked files, so it covers every write before the call.
 */
export class SyncRounds {
  readonly #runtime: Runtime
  #dirty = new Set<Syncable>()
  #waiting: ((error: ErrorName) => void)[] = []
  #isRunning = false
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

  /** Calls `done` with NONE, or with KAFKA_STORAGE_ERROR when a sync failed. */
  whenSynced(done: (error: ErrorName) => void): void {
    this.#waiting.push(done)
    if (this.#isRunning) return
    this.#isRunning = true
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
    this.#isRunning = false
  }
}

import type { ErrorName } from '@ottla/codec'
import type { Runtime, Timer } from '@ottla/runtime'
import type { ShareKey } from './share-state-records.ts'
import { failed, type ShareDone, type ShareFailure, type ShareStateShard } from './share-state-shard.ts'

export interface SharePersisterOptions {
  readonly runtime: Pick<Runtime, 'setTimer' | 'clearTimer' | 'defer'>
  /** The coordinator's shard of a share partition, on any broker, or why it is unavailable. */
  readonly shardOf: (key: ShareKey) => ShareStateShard | ErrorName
}

// Kafka's first backoff is one second; a shorter one keeps tests fast.
const firstBackoffMs = 20
const maxBackoffMs = 1_000
const patienceMs = 15_000

const retriable: ReadonlySet<ErrorName> = new Set([
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
  'UNKNOWN_TOPIC_OR_PARTITION',
])

/** Calls the coordinators of share partitions, and retries with exponential backoff for a limited time. */
export class SharePersister {
  readonly #options: SharePersisterOptions
  readonly #timers = new Set<Timer>()
  #isClosed = false

  constructor(options: SharePersisterOptions) {
    this.#options = options
  }

  /** `done` is called once, in a later turn; never after `close`. */
  ask<T extends { readonly error?: undefined }>(
    key: ShareKey,
    operation: (shard: ShareStateShard, done: ShareDone<T>) => void,
    done: ShareDone<T>,
  ): void {
    this.#options.runtime.defer(() => this.#try({ key, operation, done, backoffMs: firstBackoffMs, waitedMs: 0 }))
  }

  /** `ask` for several keys; `done` receives the results in the order of the keys. */
  askAll<T extends { readonly error?: undefined }, K extends ShareKey>(
    keys: readonly K[],
    operation: (shard: ShareStateShard, key: K, done: ShareDone<T>) => void,
    done: (results: readonly { readonly key: K; readonly result: T | ShareFailure }[]) => void,
  ): void {
    const results: { readonly key: K; readonly result: T | ShareFailure }[] = []
    let open = keys.length
    if (open === 0) done([])
    for (const [index, key] of keys.entries()) {
      const one = (shard: ShareStateShard, oneDone: ShareDone<T>) => operation(shard, key, oneDone)
      this.ask<T>(key, one, (result) => {
        results[index] = { key, result }
        if (--open === 0) done(results)
      })
    }
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers) this.#options.runtime.clearTimer(timer)
    this.#timers.clear()
  }

  #try<T extends { readonly error?: undefined }>(attempt: Attempt<T>): void {
    if (this.#isClosed) return
    const shard = this.#options.shardOf(attempt.key)
    if (typeof shard === 'string') this.#ended(attempt, failed(shard))
    else attempt.operation(shard, (result) => this.#ended(attempt, result))
  }

  #ended<T extends { readonly error?: undefined }>(attempt: Attempt<T>, result: T | ShareFailure): void {
    if (this.#isClosed) return
    const { backoffMs, waitedMs, done } = attempt
    if (result.error === undefined || !retriable.has(result.error) || waitedMs >= patienceMs) {
      done(result)
      return
    }
    const timer = this.#options.runtime.setTimer(() => {
      this.#timers.delete(timer)
      const next = { backoffMs: Math.min(backoffMs * 2, maxBackoffMs), waitedMs: waitedMs + backoffMs }
      this.#try({ ...attempt, ...next })
    }, backoffMs)
    this.#timers.add(timer)
  }
}

interface Attempt<T> {
  readonly key: ShareKey
  readonly operation: (shard: ShareStateShard, done: ShareDone<T>) => void
  readonly done: ShareDone<T>
  readonly backoffMs: number
  readonly waitedMs: number
}

import type { ErrorName } from '@ottla/codec'

/** The outcome of an append on the leader alone. */
export type AppendResult =
  | { readonly error: ErrorName; readonly tellsLogStart: boolean }
  | {
      readonly error: undefined
      readonly baseOffset: number
      /** acks=all is fulfilled when the high watermark reaches this offset. */
      readonly requiredOffset: number
      /** Set when the batch is a duplicate: the largest timestamp of the batch in the log. */
      readonly duplicateOfMs?: number
    }

/** The outcome of an append that waits for replication. */
export interface AppendDone {
  /** Kafka's error code; 0 when the whole ISR has the batch. */
  readonly errorCode: number
  /** -1 on an error before the append. */
  readonly baseOffset: number
}

interface AppendWait {
  readonly requiredOffset: number
  readonly done: (error: ErrorName) => void
}

/** Callers that wait until records are replicated (acks=all). */
export class AppendWaits {
  readonly #waits = new Set<AppendWait>()

  /** Returns a function that cancels the wait; `done` is then not called. */
  add(requiredOffset: number, done: (error: ErrorName) => void): () => void {
    const wait = { requiredOffset, done }
    this.#waits.add(wait)
    return () => void this.#waits.delete(wait)
  }

  /** Ends each wait for which `outcomeOf` returns an outcome. */
  settle(outcomeOf: (requiredOffset: number) => ErrorName | undefined): void {
    for (const wait of this.#waits) {
      const outcome = outcomeOf(wait.requiredOffset)
      if (outcome === undefined) continue
      this.#waits.delete(wait)
      wait.done(outcome)
    }
  }

  fail(error: ErrorName): void {
    const waits = [...this.#waits]
    this.#waits.clear()
    for (const { done } of waits) done(error)
  }
}

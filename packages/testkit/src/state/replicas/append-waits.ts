import type { ErrorName } from '@ottla/codec'

/** How an append ended, when it needs no more than the leader. */
export type AppendResult =
  | { readonly error: ErrorName; readonly tellsLogStart: boolean }
  | {
      readonly error: undefined
      readonly baseOffset: number
      /** acks=all is fulfilled when the high watermark is here. */
      readonly requiredOffset: number
      /** The batch was there already: its largest timestamp. */
      readonly duplicateOfMs?: number
    }

/** How an append that is to be replicated ended. */
export interface AppendDone {
  /** Kafka's error code; 0 when all of the ISR has it. */
  readonly errorCode: number
  /** -1 on an error that came before the append. */
  readonly baseOffset: number
}

interface AppendWait {
  readonly requiredOffset: number
  readonly done: (error: ErrorName) => void
}

/** Who waits until records are replicated (acks=all). */
export class AppendWaits {
  readonly #waits = new Set<AppendWait>()

  /** Returns what ends the waiting without a call. */
  add(requiredOffset: number, done: (error: ErrorName) => void): () => void {
    const wait = { requiredOffset, done }
    this.#waits.add(wait)
    return () => void this.#waits.delete(wait)
  }

  /** Ends those for which `outcomeOf` tells how. */
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

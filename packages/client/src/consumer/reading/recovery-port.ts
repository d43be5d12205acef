import type { Message } from '../message.ts'

/** An item whose attempts have all failed. */
export interface FailedItem {
  /** A message, or those of a batch that are not marked as processed. */
  readonly messages: readonly Message[]
  readonly error: unknown
  /** Calls of the handler for this item in this consumer. */
  readonly attempts: number
  /** Whether another attempt may succeed. */
  readonly isRetriable: boolean
  /** What could not be decoded; undefined: the handler failed. */
  readonly field?: 'key' | 'value' | undefined
  /** Aborts when the partition is given up. May have aborted before, when the handler took too long. */
  readonly signal: AbortSignal
  /** A message is stored elsewhere: it counts as processed. */
  onStored(message: Message): void
}

/** What `run` does with failed items before it rejects: it sends them elsewhere. */
export interface Recovery {
  canRecover(isRetriable: boolean): boolean
  /** Resolves when all of them are stored elsewhere. Rejects when one may not be: those that were not reported as stored are undone. */
  recover(item: FailedItem): Promise<void>
}

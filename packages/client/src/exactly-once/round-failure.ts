import type { AssignedPartition } from '../consumer/partition/assigned-partition.ts'
import { isTransient, meaningOf } from '../error-meaning.ts'
import { asKafkaError, KafkaError } from '../errors.ts'

/** The item whose handler failed. */
export interface FailedItem {
  readonly partition: AssignedPartition
  readonly offset: number
  /** What the handler threw. */
  readonly error: unknown
}

/**
 * Why the transaction of a round was not committed. `moved`: partitions were given up, or their positions moved. `transient`: it is
 * repeated, for a limited time. `handler`: its item may have further attempts. `final`: a repetition cannot help. `unknown`: it may be
 * committed. `fatal`: the producer cannot continue.
 */
export type RoundFailure =
  | { readonly kind: 'moved' | 'transient' | 'final' | 'unknown' | 'fatal'; readonly error: KafkaError }
  | { readonly kind: 'handler'; readonly item: FailedItem }

/** What became of a step of a transaction that rejected. */
export function failureOf(cause: unknown, operation: string): Exclude<RoundFailure, { kind: 'handler' }> {
  const error = asKafkaError(cause, operation)
  if (error.fatal) return { kind: error.outcome === 'unknown' ? 'unknown' : 'fatal', error }
  const reason = reasonOf(error)
  const { member, transaction, producer, ended } = meaningOf(reason.code)
  if (member !== undefined) return { kind: 'moved', error: reason }
  const mayHeal = isTransient(reason) || transaction !== undefined || producer !== undefined
  return { kind: mayHeal || ended === 'aborted' ? 'transient' : 'final', error: reason }
}

/** A transaction that can only be aborted names its first failure as the cause. */
function reasonOf(error: KafkaError): KafkaError {
  const { cause } = error
  return meaningOf(error.code).transaction === 'abortable' && KafkaError.is(cause) ? cause : error
}

/** For handlers and calls of a transaction that is aborted while they run. */
export function abortedRoundError(why: string): KafkaError {
  const message = `The transaction was aborted, and its messages are processed again: ${why}`
  return new KafkaError('TRANSACTION_ABORTED', message, { retriable: true, outcome: 'not-written' })
}

export function movedError(moved: AssignedPartition): KafkaError {
  const { topic, partition } = moved
  const message = `The transaction cannot be committed: ${moved} was revoked, lost or repositioned since its messages were read`
  return new KafkaError('INVALID_STATE', message, { topic, partition, outcome: 'not-written' })
}

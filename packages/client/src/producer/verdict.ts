import { meaningOf } from '../error-meaning.ts'
import type { ErrorCode } from '../errors.ts'

/**
 * What becomes of a batch after an attempt:
 * - `done`: the broker has it.
 * - `again`: it is sent again, unchanged.
 * - `split`: its halves are sent in its place, under its numbers.
 * - `begin-again`: the broker rejects its number or its producer id, and certainly lacks it: it is sent again with the next identity.
 * - `separate`: the broker names the records that it rejects: they fail, the others are sent again in a batch of their own.
 * - `fail`: no retry helps.
 * - `poison`: the same in a transaction, which can only be aborted then. Nothing of a transaction begins again: its earlier records
 *   have the old identity.
 */
export type Verdict = 'done' | 'again' | 'split' | 'begin-again' | 'separate' | 'fail' | 'poison'

/** What a verdict depends on, besides the code. */
export interface Attempted {
  /** After an earlier attempt it is unknown whether the broker has the batch. */
  readonly maybeWritten: boolean
  /** The same of the batch that it is a part of: a broker that has the whole does not recognise the part. */
  readonly wholeMaybeWritten: boolean
  readonly records: number
  /** How many of them the response rejects by their index (KIP-467). */
  readonly rejected: number
  /** A broker recognises a batch that it has. */
  readonly idempotent: boolean
  readonly transactional: boolean
  /** Responses to requests with this batch that could not be read, this one included. */
  readonly unreadable: number
  /** Kafka's classification of the error. */
  readonly retriable: boolean
}

/** A broker that sends this many unreadable responses to one batch is not merely disturbed. */
const mostUnreadable = 3

/** The one table of verdicts, for results of partitions and for requests that failed as a whole. */
export function verdictOf(code: ErrorCode | number, batch: Attempted): Verdict {
  const { producer, tooLarge, unreadable, notWritten } = meaningOf(code)
  if (code === 0 || producer === 'duplicate') return 'done'
  if (producer !== undefined && batch.transactional) return 'poison'
  if (producer === 'out-of-sequence') return batch.wholeMaybeWritten ? 'fail' : 'begin-again'
  // With another id the broker would not recognise the duplicate of a batch that it may have.
  if (producer === 'identity-refused') return batch.maybeWritten ? 'fail' : 'begin-again'
  // A log that refuses these bytes has not taken them in an earlier attempt, unless its limit was lowered since.
  if (tooLarge && batch.records > 1) return 'split'
  if (batch.retriable) return 'again'
  // One unreadable response ends the connection and says nothing about the batch.
  if (unreadable && batch.idempotent && batch.unreadable < mostUnreadable) return 'again'
  if (batch.transactional) return 'poison'
  // A log without the batch can take the others later. Whether it is without them must be certain: they get other numbers.
  if (notWritten && !batch.maybeWritten && batch.rejected > 0 && batch.rejected < batch.records) return 'separate'
  return 'fail'
}

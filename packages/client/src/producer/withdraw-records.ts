import type { KafkaError } from '../errors.ts'
import type { Call } from './calls.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { ProducerParts } from './producer-parts.ts'
import { separate } from './split-batch.ts'

type Errors = ReadonlyMap<number, KafkaError>

/** The batch that has the records now, after other withdrawals, and the errors by their index in it. */
export function placeNow(batch: ProducerBatch, errors: Errors): { readonly at: ProducerBatch; readonly found: Errors } {
  let at = batch
  let found = errors
  while (at.movedTo !== undefined) {
    const next = at.movedTo
    const moved = new Map<number, KafkaError>()
    for (const [index, error] of found) {
      const place = at.result.placeOf(index)
      if (place?.result === next.result) moved.set(place.index, error)
    }
    at = next
    found = moved
  }
  return { at, found }
}

/**
 * Whether the batch, which is not in flight, has its records and no broker has them. In a transaction its numbers must not be given
 * up, so it must have none.
 */
export function isWithdrawable({ settled, maybeWritten, wholeMaybeWritten, identity, result }: ProducerBatch): boolean {
  if (settled || maybeWritten || wholeMaybeWritten) return false
  return identity?.transactional !== true && result.parts === undefined
}

/**
 * Settles some records of a batch, and returns the batch with the others, which takes its place. `original` is the one that the call
 * refers to.
 */
export function withdrawRecords(
  original: ProducerBatch,
  at: ProducerBatch,
  call: Call,
  found: Errors,
  parts: Pick<ProducerParts, 'divide' | 'compressor' | 'pool'>,
): ProducerBatch {
  parts.compressor.drop(at)
  const [error] = found.values()
  at.lastError = error
  const division = separate(at, found, (bytes) => parts.pool.take(bytes))
  const others = division.batches[0]!
  at.movedTo = others
  parts.divide(at, division)
  // The other calls follow with the batch that has their records.
  const position = original.calls.indexOf(call)
  if (position >= 0) {
    original.calls.splice(position, 1)
    call.settled(original.result)
  }
  return others
}

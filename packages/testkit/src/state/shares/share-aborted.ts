import type { StoredBatch } from '../replicas/log-segment.ts'
import type { ReplicaLog } from '../replicas/replica-log.ts'

/** Among batches that were read, those of transactions that were aborted. */
export function abortedBatches(log: ReplicaLog, batches: readonly StoredBatch[]): StoredBatch[] {
  const [first] = batches
  const last = batches.at(-1)
  if (first === undefined || last === undefined) return []
  const aborted = log.transactions.abortedIn(first.baseOffset, last.lastOffset + 1)
  if (aborted.length === 0) return []
  return batches.filter(({ transactional, baseOffset }) =>
    aborted.some(
      ({ producerId, firstOffset, lastOffset }) =>
        transactional?.kind === 'data' &&
        transactional.producerId === producerId &&
        baseOffset >= firstOffset &&
        baseOffset <= lastOffset,
    ),
  )
}

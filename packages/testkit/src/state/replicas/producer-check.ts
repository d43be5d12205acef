import type { AppendResult } from './append-waits.ts'
import type { ProducedBatch } from './produced-batch.ts'
import { lastSequenceOf } from './producer-states.ts'
import type { ReplicaLog } from './replica-log.ts'

/** The error that keeps a producer's batch out of the log, or the batch that it duplicates; undefined when it may be appended. */
export function producerCheck(log: ReplicaLog, batch: ProducedBatch): AppendResult | undefined {
  const { producerId, producerEpoch, baseSequence, transactional } = batch
  const { producers, transactions } = log
  if (baseSequence >= 0) {
    const seen = sequenceCheck(log, batch)
    if (seen !== undefined) return seen
    const isMixed = transactional === undefined && transactions.openSince(producerId) !== undefined
    return isMixed ? { error: 'INVALID_TXN_STATE', tellsLogStart: true } : undefined
  }
  if (producerEpoch < producers.epochOf(producerId)) return { error: 'INVALID_PRODUCER_EPOCH', tellsLogStart: true }
  const isMarker = transactional !== undefined && transactional.kind !== 'data'
  if (!isMarker || transactional.coordinatorEpoch >= transactions.coordinatorEpochOf(producerId)) return undefined
  return { error: 'TRANSACTION_COORDINATOR_FENCED', tellsLogStart: true }
}

function sequenceCheck({ producers }: ReplicaLog, batch: ProducedBatch): AppendResult | undefined {
  const { producerId, producerEpoch, baseSequence, recordCount } = batch
  const lastSequence = lastSequenceOf(baseSequence, recordCount)
  const check = producers.check({ producerId, producerEpoch, baseSequence, lastSequence })
  if (check.verdict === 'next') return undefined
  if (check.verdict === 'error') return { error: check.error, tellsLogStart: true }
  const { baseOffset, lastOffset, timestamp } = check.batch
  return { error: undefined, baseOffset, requiredOffset: lastOffset + 1, duplicateOfMs: timestamp }
}

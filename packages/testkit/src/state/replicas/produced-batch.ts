import { patchBatch, RecordBatch, readControlBatch } from '@ottla/codec/records'
import type { StoredBatch } from './log-segment.ts'
import type { TransactionalPart } from './log-transactions.ts'
import { lastSequenceOf } from './producer-states.ts'

/** A validated record batch (magic 2) that may be appended. From here on the log owns the bytes. */
export interface ProducedBatch {
  readonly bytes: Uint8Array
  readonly recordCount: number
  readonly maxTimestamp: number
  /** -1n: not idempotent. */
  readonly producerId: bigint
  readonly producerEpoch: number
  /** -1 for batches that only coordinators write: markers, and the offsets of a transaction. */
  readonly baseSequence: number
  readonly transactional?: TransactionalPart | undefined
}

/** Reads the fields of a valid batch that an append needs. */
export function producedBatchOf(bytes: Uint8Array): ProducedBatch {
  const batch = new RecordBatch(bytes)
  const { recordCount, maxTimestamp, producerId, producerEpoch, baseSequence } = batch
  const transactional = partOf(batch)
  return { bytes, recordCount, maxTimestamp, producerId, producerEpoch, baseSequence, transactional }
}

function partOf(batch: RecordBatch): TransactionalPart | undefined {
  if (!batch.isTransactional) return undefined
  const { producerId, producerEpoch } = batch
  if (!batch.isControl) return { kind: 'data', producerId, producerEpoch, coordinatorEpoch: -1 }
  const control = readControlBatch(batch)
  if (control?.type !== 'commit' && control?.type !== 'abort') return undefined
  return { kind: control.type, producerId, producerEpoch, coordinatorEpoch: control.coordinatorEpoch }
}

/** Assigns offset and leader epoch to the batch and patches its bytes; the checksum does not cover these fields. */
export function placeBatch(batch: ProducedBatch, baseOffset: number, leaderEpoch: number): StoredBatch {
  const { bytes, recordCount, maxTimestamp, producerId, producerEpoch, baseSequence, transactional } = batch
  patchBatch(bytes, { baseOffset: BigInt(baseOffset), partitionLeaderEpoch: leaderEpoch })
  const lastOffset = baseOffset + recordCount - 1
  const lastSequence = lastSequenceOf(baseSequence, recordCount)
  const sequenced =
    producerId < 0n || baseSequence < 0
      ? undefined
      : { producerId, producerEpoch, baseSequence, lastSequence, baseOffset, lastOffset, timestamp: maxTimestamp }
  return { baseOffset, lastOffset, leaderEpoch, maxTimestamp, bytes, sequenced, transactional }
}

import { Batch, patchBatch } from '@ottla/codec/records'
import type { StoredBatch } from './log-segment.ts'
import { lastSequenceOf } from './producer-states.ts'

/** A record batch (magic 2) that was found valid and may be appended. The bytes belong to the log from here on. */
export interface ProducedBatch {
  readonly bytes: Uint8Array
  readonly recordCount: number
  readonly maxTimestamp: number
  /** -1n: not idempotent. */
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** Reads what an append needs to know of one batch that is valid. */
export function producedBatchOf(bytes: Uint8Array): ProducedBatch {
  const { recordCount, maxTimestamp, producerId, producerEpoch, baseSequence } = new Batch(bytes)
  return { bytes, recordCount, maxTimestamp, producerId, producerEpoch, baseSequence }
}

/** Gives the batch its place in the log, and says so in its bytes; the checksum does not cover that. */
export function placeBatch(batch: ProducedBatch, baseOffset: number, leaderEpoch: number): StoredBatch {
  const { bytes, recordCount, maxTimestamp, producerId, producerEpoch, baseSequence } = batch
  patchBatch(bytes, { baseOffset: BigInt(baseOffset), partitionLeaderEpoch: leaderEpoch })
  const lastOffset = baseOffset + recordCount - 1
  const lastSequence = lastSequenceOf(baseSequence, recordCount)
  const sequenced =
    producerId < 0n
      ? undefined
      : { producerId, producerEpoch, baseSequence, lastSequence, baseOffset, lastOffset, timestamp: maxTimestamp }
  return { baseOffset, lastOffset, leaderEpoch, maxTimestamp, bytes, sequenced }
}

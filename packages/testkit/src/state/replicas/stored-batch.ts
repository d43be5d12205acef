import { RecordBatch } from '@ottla/codec/records'
import type { StoredBatch } from './log-segment.ts'
import { producedBatchOf } from './produced-batch.ts'
import { lastSequenceOf } from './producer-states.ts'

/** A batch read back from its bytes, which contain its offsets; after compaction it may have fewer records than offsets. */
export function storedBatchOf(bytes: Uint8Array): StoredBatch {
  const { producerId, producerEpoch, baseSequence, maxTimestamp, transactional } = producedBatchOf(bytes)
  const batch = new RecordBatch(bytes)
  const baseOffset = Number(batch.baseOffset)
  const lastOffset = baseOffset + batch.lastOffsetDelta
  const lastSequence = lastSequenceOf(baseSequence, batch.lastOffsetDelta + 1)
  const sequenced =
    producerId < 0n || baseSequence < 0
      ? undefined
      : { producerId, producerEpoch, baseSequence, lastSequence, baseOffset, lastOffset, timestamp: maxTimestamp }
  return {
    baseOffset,
    lastOffset,
    leaderEpoch: batch.partitionLeaderEpoch,
    maxTimestamp,
    bytes,
    sequenced,
    transactional,
  }
}

import { at, attribute, batchHeaderBytes, checksumOf, logOverheadBytes, magic, writeTimestamp } from './layout.ts'

/** The header fields that remain of a batch when compaction has removed all of its records. */
export interface EmptyBatchFields {
  readonly baseOffset: bigint
  /** At least `baseOffset`: the batch keeps these offsets. */
  readonly lastOffset: bigint
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly partitionLeaderEpoch: number
  /** In ms. */
  readonly timestampMs: number | bigint
  readonly timestampType?: 'create' | 'append' | undefined
  readonly transactional?: boolean | undefined
  readonly control?: boolean | undefined
}

/** A batch without records that preserves its offsets and producer state, as log cleaners write it. */
export function emptyBatch(fields: EmptyBatchFields): Buffer {
  const { baseOffset, lastOffset, transactional = false, control = false, timestampType = 'create' } = fields
  const batch = Buffer.alloc(batchHeaderBytes)
  batch.writeBigInt64BE(baseOffset, at.baseOffset)
  batch.writeInt32BE(batchHeaderBytes - logOverheadBytes, at.batchLength)
  batch.writeInt32BE(fields.partitionLeaderEpoch, at.partitionLeaderEpoch)
  batch[at.magic] = magic
  const kinds = (transactional ? attribute.transactional : 0) | (control ? attribute.control : 0)
  batch.writeInt16BE(kinds | (timestampType === 'append' ? attribute.logAppendTime : 0), at.attributes)
  batch.writeInt32BE(Number(lastOffset - baseOffset), at.lastOffsetDelta)
  batch.writeBigInt64BE(-1n, at.baseTimestamp)
  writeTimestamp(batch, at.maxTimestamp, fields.timestampMs)
  batch.writeBigInt64BE(fields.producerId, at.producerId)
  batch.writeInt16BE(fields.producerEpoch, at.producerEpoch)
  batch.writeInt32BE(fields.baseSequence, at.baseSequence)
  batch.writeUInt32BE(checksumOf(batch), at.crc)
  return batch
}

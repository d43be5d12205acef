import { asBuffer } from '../wire/reader.ts'
import { at, attribute, checksumOf, writeTimestamp } from './layout.ts'

export interface BatchPatch {
  readonly baseOffset?: bigint | undefined
  readonly partitionLeaderEpoch?: number | undefined
  readonly producerId?: bigint | undefined
  readonly producerEpoch?: number | undefined
  readonly baseSequence?: number | undefined
  /** In ms. */
  readonly maxTimestamp?: number | bigint | undefined
  /** In ms. Sets LogAppendTime: all records then have this timestamp. */
  readonly logAppendTime?: number | bigint | undefined
}

/** Changes fields of a sealed batch in place, and recomputes the checksum if it covers one of them. */
export function patchBatch(bytes: Uint8Array, patch: BatchPatch): void {
  const batch = asBuffer(bytes)
  // The checksum does not cover these two, so that brokers can assign them.
  if (patch.baseOffset !== undefined) batch.writeBigInt64BE(patch.baseOffset, at.baseOffset)
  if (patch.partitionLeaderEpoch !== undefined) batch.writeInt32BE(patch.partitionLeaderEpoch, at.partitionLeaderEpoch)
  if (patchCovered(batch, patch)) batch.writeUInt32BE(checksumOf(batch), at.crc)
}

function patchCovered(batch: Buffer, patch: BatchPatch): boolean {
  const { producerId, producerEpoch, baseSequence, maxTimestamp, logAppendTime } = patch
  if (producerId !== undefined) batch.writeBigInt64BE(producerId, at.producerId)
  if (producerEpoch !== undefined) batch.writeInt16BE(producerEpoch, at.producerEpoch)
  if (baseSequence !== undefined) batch.writeInt32BE(baseSequence, at.baseSequence)
  if (maxTimestamp !== undefined) writeTimestamp(batch, at.maxTimestamp, maxTimestamp)
  if (logAppendTime !== undefined) {
    writeTimestamp(batch, at.maxTimestamp, logAppendTime)
    batch.writeInt16BE(batch.readInt16BE(at.attributes) | attribute.logAppendTime, at.attributes)
  }
  return [producerId, producerEpoch, baseSequence, maxTimestamp, logAppendTime].some((value) => value !== undefined)
}

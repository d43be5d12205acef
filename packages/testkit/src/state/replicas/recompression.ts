import { batchHeaderBytes, codecOf, RecordBatch } from '@ottla/codec/records'
import { baseTimestampOf, readRecords, rebuiltBatch, writeRecords } from './record-rewriter.ts'

const attributesAt = 21
const codecBits = 0x07
const deleteHorizonBit = 0x40
const zstdId = 4
const maxPayloadBytes = 1 << 30

/**
 * The same records in a batch of its own with this codec, as leaders write them whose compression.type is not the
 * producer's. An append happens within one turn: what can only be done later (zstd, and batches so large that the codec
 * hands them to another thread) stays as the producer sent it. Throws DecodeError.
 */
export function recompress(batch: RecordBatch, compressionId: number): RecordBatch {
  if (compressionId === zstdId || batch.compressionId === zstdId) return batch
  const plain = atOnce(codecOf(batch.compressionId).decompress(batch.payload, maxPayloadBytes))
  if (plain === undefined) return batch
  const records = readRecords(batch.bytes, plain)
  const payload = atOnce(codecOf(compressionId).compress(writeRecords(records, baseTimestampOf(records, undefined))))
  if (payload === undefined) return batch
  const header = Buffer.from(batch.bytes.subarray(0, batchHeaderBytes))
  const attributes = header.readInt16BE(attributesAt) & ~codecBits & ~deleteHorizonBit
  header.writeInt16BE(attributes | compressionId, attributesAt)
  return new RecordBatch(rebuiltBatch(header, records, { payload, deleteHorizonMs: undefined }))
}

function atOnce<T extends object>(result: T | Promise<T>): T | undefined {
  if (!(result instanceof Promise)) return result
  // Nobody waits for it: how it ends makes no difference.
  result.catch(() => {})
  return undefined
}

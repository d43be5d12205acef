import { batchHeaderBytes, codecOf, RecordBatch } from '@ottla/codec/records'
import { baseTimestampOf, readRecords, rebuiltBatch, writeRecords } from './record-rewriter.ts'

const attributesAt = 21
const codecBits = 0x07
const deleteHorizonBit = 0x40
const zstdId = 4
const maxPayloadBytes = 1 << 30

/**
 * The same records in a new batch with this codec, as a leader writes it when its compression.type differs from the producer's.
 * An append is synchronous: where the codec is asynchronous (zstd, and large batches that are compressed in another thread) the
 * batch is returned as the producer sent it. Throws DecodeError.
 */
export function recompress(batch: RecordBatch, compressionId: number): RecordBatch {
  if (compressionId === zstdId || batch.compressionId === zstdId) return batch
  const plain = ifSynchronous(codecOf(batch.compressionId).decompress(batch.payload, maxPayloadBytes))
  if (plain === undefined) return batch
  const records = readRecords(batch.bytes, plain)
  const payload = ifSynchronous(
    codecOf(compressionId).compress(writeRecords(records, baseTimestampOf(records, undefined))),
  )
  if (payload === undefined) return batch
  const header = Buffer.from(batch.bytes.subarray(0, batchHeaderBytes))
  const attributes = header.readInt16BE(attributesAt) & ~codecBits & ~deleteHorizonBit
  header.writeInt16BE(attributes | compressionId, attributesAt)
  return new RecordBatch(rebuiltBatch(header, records, { payload, deleteHorizonMs: undefined }))
}

function ifSynchronous<T extends object>(result: T | Promise<T>): T | undefined {
  if (!(result instanceof Promise)) return result
  // The result is not used, so neither is its failure.
  result.catch(() => {})
  return undefined
}

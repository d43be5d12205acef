export {
  type Codec,
  type CompressionName,
  codecOf,
  compressionNames,
  UnsupportedCompression,
} from '../compression/compression.ts'
export { crc32c } from '../wire/crc32c.ts'
export { Batch, BatchReader } from './batch-reader.ts'
export { BatchWriter, type BatchWriterOptions, type SealFields } from './batch-writer.ts'
export {
  type ControlRecord,
  type ControlType,
  type EndTxnMarkerFields,
  endTxnMarkerBatch,
  readControlBatch,
} from './control-batch.ts'
export { batchHeaderBytes } from './layout.ts'
export { type BatchPatch, patchBatch } from './patch-batch.ts'
export { type RecordHeader, sizeBound } from './record.ts'
export { RecordCursor, type RecordHeaderView, readHeaders } from './record-cursor.ts'

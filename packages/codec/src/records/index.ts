export { type Codec, type CompressionName, compressionNames, UnsupportedCompression } from '../compression/codec.ts'
export { type CodecSet, type CustomCodecs, codecOf, codecSet } from '../compression/compression.ts'
export type { KafkaJsCodec } from '../compression/kafkajs-codec.ts'
export { crc32c } from '../wire/crc32c.ts'
export { BatchWriter, type BatchWriterOptions, type Data, type SealFields } from './batch-writer.ts'
export {
  type ControlRecord,
  type ControlType,
  type EndTxnMarkerFields,
  endTxnMarkerBatch,
  readControlBatch,
} from './control-batch.ts'
export { type EmptyBatchFields, emptyBatch } from './empty-batch.ts'
export { batchHeaderBytes, type Magic } from './layout.ts'
export type { LegacyMagic } from './legacy-message.ts'
export { type MessageFields, type MessageSetOptions, messageSet } from './message-set.ts'
export { type BatchPatch, patchBatch } from './patch-batch.ts'
export { mostBytesPerUnit, type RecordHeader, sizeBound } from './record.ts'
export { RecordBatch, RecordBatchReader } from './record-batch-reader.ts'
export { RecordCursor, type RecordHeaderView, readHeaders } from './record-cursor.ts'

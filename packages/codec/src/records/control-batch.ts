import { DecodeError } from '../wire/decode-error.ts'
import { BatchWriter } from './batch-writer.ts'
import type { RecordBatch } from './record-batch-reader.ts'

export interface EndTxnMarkerFields {
  readonly committed: boolean
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly timestampMs: number
  readonly baseOffset?: bigint | undefined
  readonly partitionLeaderEpoch?: number | undefined
}

/** Control record types, indexed by the number in their key. */
const controlTypes = ['abort', 'commit', 'leader-change', 'snapshot-header', 'snapshot-footer'] as const

export type ControlType = (typeof controlTypes)[number] | 'other'

export interface ControlRecord {
  readonly type: ControlType
  /** Epoch of the transaction coordinator that wrote the marker; -1 for other control records. */
  readonly coordinatorEpoch: number
}

/** Version and type (ControlRecordTypeSchema), an int16 each. */
const keyBytes = 4

/** Version (int16) and coordinator epoch (int32; EndTxnMarker). */
const markerBytes = 6

const roomBytes = 96

/** The control batch that ends a producer's transaction in a partition. */
export function endTxnMarkerBatch(fields: EndTxnMarkerFields): Uint8Array {
  const { committed, producerId, producerEpoch, coordinatorEpoch, timestampMs } = fields
  const { baseOffset, partitionLeaderEpoch } = fields
  const key = Buffer.alloc(keyBytes)
  key.writeInt16BE(controlTypes.indexOf(committed ? 'commit' : 'abort'), 2)
  const value = Buffer.alloc(markerBytes)
  value.writeInt32BE(coordinatorEpoch, 2)
  const writer = new BatchWriter({ initialBytes: roomBytes })
  writer.append(timestampMs, key, value, [])
  const places = { baseOffset, partitionLeaderEpoch }
  return writer.seal({ producerId, producerEpoch, baseSequence: -1, transactional: true, control: true, ...places })
}

/** Decodes the record of a control batch; undefined if compaction removed it. Throws DecodeError. */
export function readControlBatch(batch: RecordBatch): ControlRecord | undefined {
  const cursor = batch.records()
  if (!cursor.next()) return undefined
  const { keyStart, keyLength, valueStart, valueLength } = cursor
  if (keyLength < keyBytes) throw tooShort('ControlRecord', keyLength, keyStart)
  // The versions at the start of key and value are ignored: later versions only append fields.
  const type = controlTypes[batch.bytes.readInt16BE(keyStart + 2)] ?? 'other'
  if (type !== 'abort' && type !== 'commit') return { type, coordinatorEpoch: -1 }
  if (valueLength < markerBytes) throw tooShort('EndTxnMarker', valueLength, valueStart)
  return { type, coordinatorEpoch: batch.bytes.readInt32BE(valueStart + 2) }
}

function tooShort(what: string, length: number, offset: number): DecodeError {
  return new DecodeError(`${length} bytes`, { what, offset })
}

import { ControlRecordTypeSchema } from '../data/control-record-type-schema.ts'
import { EndTxnMarker } from '../data/end-txn-marker.ts'
import { decodeMessage, encodeMessage } from '../schema/codec.ts'
import { DecodeError } from '../wire/decode-error.ts'
import type { Batch } from './batch-reader.ts'
import { BatchWriter } from './batch-writer.ts'

export interface EndTxnMarkerFields {
  readonly committed: boolean
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly timestampMs: number
  readonly baseOffset?: bigint | undefined
  readonly partitionLeaderEpoch?: number | undefined
}

/** Control records by the number in their key. */
const controlTypes = ['abort', 'commit', 'leader-change', 'snapshot-header', 'snapshot-footer'] as const

export type ControlType = (typeof controlTypes)[number] | 'other'

export interface ControlRecord {
  readonly type: ControlType
  /** Of the transaction coordinator that wrote the marker; -1 if it is not one. */
  readonly coordinatorEpoch: number
}

const markerVersion = 0
const roomBytes = 96

/** The control batch that ends a producer's transaction in a partition. */
export function endTxnMarkerBatch(fields: EndTxnMarkerFields): Uint8Array {
  const { committed, producerId, producerEpoch, coordinatorEpoch, timestampMs } = fields
  const { baseOffset, partitionLeaderEpoch } = fields
  const type = controlTypes.indexOf(committed ? 'commit' : 'abort')
  const writer = new BatchWriter({ initialBytes: roomBytes })
  const key = controlKey(type)
  writer.append(timestampMs, key, markerValue(coordinatorEpoch), [])
  const places = { baseOffset, partitionLeaderEpoch }
  return writer.seal({ producerId, producerEpoch, baseSequence: -1, transactional: true, control: true, ...places })
}

/** What the record of a control batch says; undefined if compaction took it away. Throws DecodeError. */
export function readControlBatch(batch: Batch): ControlRecord | undefined {
  const cursor = batch.records()
  if (!cursor.next()) return undefined
  const { bytes, keyStart, keyLength, valueStart, valueLength } = cursor
  if (keyLength < 4) throw new DecodeError(`a key of ${keyLength} bytes`, { what: 'ControlRecord', offset: keyStart })
  // The key begins with its version, which does not matter: the type has been in the same place in all of them.
  const key = batch.bytes.subarray(keyStart, keyStart + keyLength)
  const type: ControlType = controlTypes[key.readInt16BE(2)] ?? 'other'
  if (type !== 'abort' && type !== 'commit') return { type, coordinatorEpoch: -1 }
  if (valueLength < 2)
    throw new DecodeError(`a value of ${valueLength} bytes`, { what: 'EndTxnMarker', offset: valueStart })
  const value = bytes.subarray(valueStart + 2, valueStart + valueLength)
  return { type, coordinatorEpoch: decodeMessage(EndTxnMarker, markerVersion, value).coordinatorEpoch }
}

/** Version and type, an int16 each. */
function controlKey(type: number): Buffer {
  return Buffer.concat([int16(0), encodeMessage(ControlRecordTypeSchema, 0, { type })])
}

function markerValue(coordinatorEpoch: number): Buffer {
  return Buffer.concat([int16(markerVersion), encodeMessage(EndTxnMarker, markerVersion, { coordinatorEpoch })])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

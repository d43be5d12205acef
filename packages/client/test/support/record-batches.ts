import { gzipSync } from 'node:zlib'
import {
  BatchWriter,
  codecOf,
  endTxnMarkerBatch,
  patchBatch,
  type RecordBatch,
  RecordBatchReader,
} from '@ottla/codec/records'

export interface BatchOptions {
  readonly producerId?: bigint
  readonly transactional?: boolean
  readonly leaderEpoch?: number
  readonly gzip?: boolean
  /** Default: 'k' before the value. */
  readonly keyOf?: (value: string) => string | null
}

/** A record batch that begins at `baseOffset`. A record with value 'a' has key 'ka'; the first timestamp is 1000. */
export function batchOf(
  baseOffset: number,
  values: readonly (string | null)[],
  options: BatchOptions = {},
): Uint8Array {
  const writer = new BatchWriter()
  const { keyOf = (value: string) => `k${value}` } = options
  for (const [i, value] of values.entries()) writer.append(1_000 + i, value === null ? null : keyOf(value), value, [])
  const { producerId = -1n, transactional = false, leaderEpoch = 0, gzip = false } = options
  const fields = { producerId, producerEpoch: 0, baseSequence: 0, transactional, partitionLeaderEpoch: leaderEpoch }
  const sealed = Uint8Array.from(writer.seal(fields))
  const bytes = gzip ? compressed(sealed) : sealed
  patchBatch(bytes, { baseOffset: BigInt(baseOffset), partitionLeaderEpoch: leaderEpoch })
  return bytes
}

/** The marker that ends a transaction. */
export function markerOf(baseOffset: number, producerId: bigint, committed: boolean, leaderEpoch = 0): Uint8Array {
  const fields = { committed, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestampMs: 1_000 }
  return endTxnMarkerBatch({ ...fields, baseOffset: BigInt(baseOffset), partitionLeaderEpoch: leaderEpoch })
}

/** Positions in a batch header. */
const lengthAt = 8
const lengthEnd = 12
const attributesAt = 21
const headerBytes = 61
const gzipBit = 1

function compressed(plain: Uint8Array): Uint8Array {
  const bytes = Buffer.concat([plain.subarray(0, headerBytes), gzipSync(plain.subarray(headerBytes))])
  bytes.writeInt32BE(bytes.length - lengthEnd, lengthAt)
  bytes.writeInt16BE(bytes.readInt16BE(attributesAt) | gzipBit, attributesAt)
  // A change of any field that the checksum covers makes `patchBatch` compute it again.
  patchBatch(bytes, { baseSequence: 1 })
  return bytes
}

export interface BatchContent {
  readonly batch: RecordBatch
  readonly keys: (string | null)[]
  readonly values: (string | null)[]
}

const maxInflatedBytes = 64 << 20

/** Keys and values of all batches, as text. */
export function contentsOf(bytes: Uint8Array): BatchContent[] {
  const reader = new RecordBatchReader(bytes)
  const contents: BatchContent[] = []
  for (let batch = reader.next(); batch !== undefined; batch = reader.next()) contents.push(contentOf(batch))
  return contents
}

function contentOf(batch: RecordBatch): BatchContent {
  const codec = codecOf(batch.compression)
  const inflated = codec.id === 0 ? undefined : (codec.decompress(batch.payload, maxInflatedBytes) as Uint8Array)
  const cursor = batch.records(inflated)
  const keys: (string | null)[] = []
  const values: (string | null)[] = []
  while (cursor.next()) {
    const { bytes, keyStart, keyLength, valueStart, valueLength } = cursor
    const text = (start: number, length: number) =>
      length < 0 ? null : Buffer.from(bytes.subarray(start, start + length)).toString()
    keys.push(text(keyStart, keyLength))
    values.push(text(valueStart, valueLength))
  }
  return { batch, keys, values }
}

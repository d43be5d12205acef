import { DecodeError } from '@ottla/codec'
import { batchHeaderBytes, crc32c } from '@ottla/codec/records'

/** A record as compaction reads it; `tail` is the part that is copied unchanged into another batch. */
export interface LogRecord {
  readonly offsetDelta: number
  readonly timestampMs: bigint
  /** The key's bytes as latin1, for comparison; undefined without a key. */
  readonly key: string | undefined
  readonly hasValue: boolean
  readonly attributes: number
  /** Key, value and headers in encoded form. */
  readonly tail: Uint8Array
}

const at = { length: 8, crc: 17, attributes: 21, baseTimestamp: 27, maxTimestamp: 35, recordCount: 57 } as const
const logOverheadBytes = 12
const logAppendTimeBit = 0x08
const deleteHorizonBit = 0x40

/** The records of a batch of magic 2; `payload` is uncompressed. Throws DecodeError. */
export function readRecords(batch: Uint8Array, payload: Uint8Array): LogRecord[] {
  const header = bufferOf(batch)
  const reader = new VarintReader(payload)
  const baseTimestamp = header.readBigInt64BE(at.baseTimestamp)
  const count = header.readInt32BE(at.recordCount)
  return Array.from({ length: count }, () => reader.record(baseTimestamp))
}

/** Encodes records, with timestamps relative to `baseTimestampMs`. */
export function writeRecords(records: readonly LogRecord[], baseTimestampMs: bigint): Buffer {
  const chunks: Uint8Array[] = []
  for (const { attributes, timestampMs, offsetDelta, tail } of records) {
    const timestampDelta = varint(BigInt.asIntN(64, timestampMs - baseTimestampMs))
    const place = varint(BigInt(offsetDelta))
    const length = varint(BigInt(1 + timestampDelta.length + place.length + tail.length))
    chunks.push(length, Uint8Array.of(attributes), timestampDelta, place, tail)
  }
  return Buffer.concat(chunks)
}

/** The batch's base timestamp: the delete horizon, or the first record's timestamp. */
export function baseTimestampOf(records: readonly LogRecord[], deleteHorizonMs: bigint | undefined): bigint {
  return deleteHorizonMs ?? records[0]?.timestampMs ?? -1n
}

/** The batch with only these records: offsets, producer, epoch and kind are unchanged (the delete horizon is KIP-534's). */
export function rebuiltBatch(
  original: Uint8Array,
  records: readonly LogRecord[],
  { payload, deleteHorizonMs }: { readonly payload: Uint8Array; readonly deleteHorizonMs: bigint | undefined },
): Buffer {
  const batch = Buffer.concat([original.subarray(0, batchHeaderBytes), payload])
  const attributes = batch.readInt16BE(at.attributes)
  batch.writeInt32BE(batch.length - logOverheadBytes, at.length)
  if (deleteHorizonMs !== undefined) batch.writeInt16BE(attributes | deleteHorizonBit, at.attributes)
  batch.writeBigInt64BE(baseTimestampOf(records, deleteHorizonMs), at.baseTimestamp)
  if ((attributes & logAppendTimeBit) === 0) {
    let max = -1n
    for (const { timestampMs } of records) if (timestampMs > max) max = timestampMs
    batch.writeBigInt64BE(max, at.maxTimestamp)
  }
  batch.writeInt32BE(records.length, at.recordCount)
  batch.writeUInt32BE(crc32c(batch, 0, at.attributes), at.crc)
  return batch
}

class VarintReader {
  readonly #bytes: Buffer
  #pos = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bufferOf(bytes)
  }

  record(baseTimestamp: bigint): LogRecord {
    const length = Number(this.#varint())
    const end = this.#pos + length
    if (length < 0 || end > this.#bytes.length) throw corrupt(this.#pos)
    const attributes = this.#bytes[this.#pos++] as number
    const timestampMs = BigInt.asIntN(64, baseTimestamp + this.#varint())
    const offsetDelta = Number(this.#varint())
    const tail = this.#bytes.subarray(this.#pos, end)
    const keyLength = Number(this.#varint())
    const key = keyLength < 0 ? undefined : this.#bytes.toString('latin1', this.#pos, this.#pos + keyLength)
    this.#pos += Math.max(keyLength, 0)
    const hasValue = this.#varint() >= 0n
    this.#pos = end
    return { offsetDelta, timestampMs, key, hasValue, attributes, tail }
  }

  #varint(): bigint {
    let bits = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#pos++]
      if (byte === undefined) break
      bits |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, (bits >> 1n) ^ -(bits & 1n))
    }
    throw corrupt(this.#pos)
  }
}

function varint(value: bigint): Uint8Array {
  let bits = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  const bytes: number[] = []
  while (bits > 0x7fn) {
    bytes.push(Number(bits & 0x7fn) | 0x80)
    bits >>= 7n
  }
  bytes.push(Number(bits))
  return Uint8Array.from(bytes)
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function corrupt(offset: number): DecodeError {
  return new DecodeError('a record whose lengths contradict each other', { what: 'RecordBatch', offset })
}

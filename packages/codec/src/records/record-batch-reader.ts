import { type CompressionName, compressionNames, UnsupportedCompression } from '../compression/codec.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { asBuffer } from '../wire/reader.ts'
import {
  at,
  attribute,
  batchHeaderBytes,
  checksumOf,
  logOverheadBytes,
  type Magic,
  magic,
  readTimestamp,
} from './layout.ts'
import { LegacyMessage, leastMessageBytes } from './legacy-message.ts'
import { RecordCursor } from './record-cursor.ts'

/**
 * Iterates over consecutive record batches, as in a Fetch response, including the formats before Kafka 0.11 (magic 0
 * and 1): there each message counts as a batch, a compressed one together with the messages inside it.
 */
export class RecordBatchReader {
  readonly #bytes: Buffer
  #next = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = asBuffer(bytes)
  }

  /** The offset of the next batch in the input, in bytes. */
  get offset(): number {
    return this.#next
  }

  /**
   * The next batch; undefined at the end or at a truncated batch, since brokers may truncate the last one of a
   * response. Throws DecodeError for malformed bytes.
   */
  next(): RecordBatch | undefined {
    const start = this.#next
    const bytes = this.#bytes
    if (bytes.length - start < logOverheadBytes) return undefined
    const length = bytes.readInt32BE(start + at.batchLength)
    // The magic is at the same position in all formats, so it can explain an impossible length.
    const found = bytes[start + at.magic]
    if (found !== undefined && found > magic) {
      throw corrupt(`magic ${found}; only 0 to ${magic} are known`, start + at.magic)
    }
    const isMessage = found === 0 || found === 1
    const least = found === magic ? batchHeaderBytes - logOverheadBytes : leastMessageBytes(isMessage ? found : 0)
    if (length < least) throw corrupt(`a batch of ${length} bytes`, start + at.batchLength)
    const end = start + logOverheadBytes + length
    if (found === undefined || end > bytes.length) return undefined
    const batch = bytes.subarray(start, end)
    const read = isMessage ? new RecordBatch(batch, new LegacyMessage(batch, start)) : new RecordBatch(batch)
    this.#next = end
    return read
  }
}

/** A record batch. Its fields are decoded on access and its bytes are not copied. */
export class RecordBatch {
  /** The whole batch. */
  readonly bytes: Buffer
  readonly magic: Magic
  /** `bytes`, or the equivalent header for a message of magic 0 or 1. */
  readonly #header: Buffer
  readonly #attributes: number
  readonly #message: LegacyMessage | undefined
  #recordCount: number

  /**
   * `bytes` is exactly one batch of magic 2, unless `message` is its older format.
   * @internal
   */
  constructor(bytes: Uint8Array, message?: LegacyMessage) {
    this.bytes = asBuffer(bytes)
    this.#message = message
    this.#header = message === undefined ? this.bytes : message.asHeader()
    this.magic = message === undefined ? magic : message.magic
    this.#attributes = this.#header.readInt16BE(at.attributes)
    this.#recordCount = this.#header.readInt32BE(at.recordCount)
    // A record has at least seven bytes, but compressed it may have less than one, so the count has no upper bound
    // here.
    if (this.#recordCount < 0 && message === undefined) throw corrupt(`${this.#recordCount} records`, at.recordCount)
  }

  /**
   * The offset of the first record as written. A compressed message of magic 0 or 1 holds only the offset of its last
   * record: then this is the lowest possible one.
   */
  get baseOffset(): bigint {
    return this.#header.readBigInt64BE(at.baseOffset)
  }

  /** The offset of the last record as written; compaction may have removed it. */
  get lastOffset(): bigint {
    return this.baseOffset + BigInt(this.lastOffsetDelta)
  }

  get lastOffsetDelta(): number {
    return this.#header.readInt32BE(at.lastOffsetDelta)
  }

  /** Number of records; -1 for a compressed message of magic 0 or 1 until `records` is called. */
  get recordCount(): number {
    return this.#recordCount
  }

  get partitionLeaderEpoch(): number {
    return this.#header.readInt32BE(at.partitionLeaderEpoch)
  }

  get compression(): CompressionName {
    const id = this.compressionId
    const name = compressionNames[id]
    if (name === undefined) throw new UnsupportedCompression(`an unknown codec (id ${id})`)
    return name
  }

  get compressionId(): number {
    return this.#attributes & attribute.compression
  }

  get isTransactional(): boolean {
    return (this.#attributes & attribute.transactional) !== 0
  }

  get isControl(): boolean {
    return (this.#attributes & attribute.control) !== 0
  }

  /**
   * Whether records have their own timestamps (CreateTime) or share the broker's append time, `maxTimestamp`
   * (LogAppendTime).
   */
  get timestampType(): 'create' | 'append' {
    return (this.#attributes & attribute.logAppendTime) === 0 ? 'create' : 'append'
  }

  /** The base of the records' timestamp deltas, in ms. Beyond 2^53 the nearest number: see `timestampOf`. */
  get baseTimestamp(): number {
    return readTimestamp(this.#header, at.baseTimestamp)
  }

  /** In ms. Beyond 2^53 the nearest number. */
  get maxTimestamp(): number {
    return readTimestamp(this.#header, at.maxTimestamp)
  }

  /** `maxTimestamp`, exact over the range of an int64. */
  get wideMaxTimestamp(): bigint {
    return this.#header.readBigInt64BE(at.maxTimestamp)
  }

  /**
   * When compaction may remove this batch's tombstones, in ms since the epoch; undefined if not determined yet
   * (KIP-534).
   */
  get deleteHorizonMs(): bigint | undefined {
    const has = (this.#attributes & attribute.deleteHorizon) !== 0
    return has ? this.#header.readBigInt64BE(at.baseTimestamp) : undefined
  }

  get producerId(): bigint {
    return this.#header.readBigInt64BE(at.producerId)
  }

  get producerEpoch(): number {
    return this.#header.readInt16BE(at.producerEpoch)
  }

  /** The sequence number of the first record, -1 without idempotence. */
  get baseSequence(): number {
    return this.#header.readInt32BE(at.baseSequence)
  }

  /** The records as sent, possibly compressed. */
  get payload(): Buffer {
    return this.#message === undefined ? this.bytes.subarray(batchHeaderBytes) : this.#message.payload()
  }

  /** Whether the checksum matches. */
  verifyCrc(): boolean {
    if (this.#message !== undefined) return this.#message.verifyCrc()
    return this.bytes.readUInt32BE(at.crc) === checksumOf(this.bytes)
  }

  /** A cursor before the first record. `payload` holds the decompressed records of a compressed batch. */
  records(payload?: Uint8Array): RecordCursor {
    if (payload === undefined && this.compressionId !== 0) {
      throw new TypeError('the records are compressed: decompress the payload first')
    }
    if (this.#message !== undefined) {
      const { bytes, count } = this.#message.records(payload)
      this.#recordCount = count
      return new RecordCursor(bytes, 0, count)
    }
    if (payload !== undefined) return new RecordCursor(payload, 0, this.#recordCount)
    return new RecordCursor(this.bytes, batchHeaderBytes, this.#recordCount)
  }

  /** The offset of the record at a cursor of this batch. */
  offsetOf(cursor: RecordCursor): bigint {
    return this.baseOffset + BigInt(cursor.offsetDelta)
  }

  /** The timestamp of the record at a cursor of this batch, in ms, exact over the range of an int64. */
  timestampOf(cursor: RecordCursor): bigint {
    if (this.timestampType === 'append') return this.wideMaxTimestamp
    // Wraps around at the end of the range, as in Java.
    return BigInt.asIntN(64, this.#header.readBigInt64BE(at.baseTimestamp) + cursor.wideTimestampDelta)
  }
}

function corrupt(reason: string, offset: number): DecodeError {
  return new DecodeError(reason, { what: 'RecordBatch', offset })
}

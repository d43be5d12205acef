import { type CompressionName, compressionNames, UnsupportedCompression } from '../compression/codec.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { asBuffer } from '../wire/reader.ts'
import { at, attribute, batchHeaderBytes, checksumOf, logOverheadBytes, magic, readTimestamp } from './layout.ts'
import { RecordCursor } from './record-cursor.ts'

/** Goes through record batches that lie one after the other, as in a Fetch response. */
export class BatchReader {
  readonly #bytes: Buffer
  #next = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = asBuffer(bytes)
  }

  /** Where the next batch starts. */
  get offset(): number {
    return this.#next
  }

  /**
   * The next batch, or undefined at the end or at a batch that is cut off: brokers may cut the last one of a response.
   * Throws DecodeError for what is not a batch of magic 2.
   */
  next(): Batch | undefined {
    const start = this.#next
    const bytes = this.#bytes
    if (bytes.length - start < logOverheadBytes) return undefined
    const length = bytes.readInt32BE(start + at.batchLength)
    // The magic lies at the same place in all formats, so it can tell why a length makes no sense.
    const found = bytes[start + at.magic]
    if (found !== undefined && found !== magic) {
      throw corrupt(`magic ${found}; only ${magic} is supported`, start + at.magic)
    }
    if (length < batchHeaderBytes - logOverheadBytes)
      throw corrupt(`a batch of ${length} bytes`, start + at.batchLength)
    const end = start + logOverheadBytes + length
    if (end > bytes.length) return undefined
    this.#next = end
    return new Batch(bytes.subarray(start, end))
  }
}

/** A record batch of magic 2; its fields are read when they are asked for. The bytes are not copied. */
export class Batch {
  /** The whole batch. */
  readonly bytes: Buffer
  readonly magic = magic
  readonly recordCount: number
  readonly #attributes: number

  /** `bytes` is exactly one batch. */
  constructor(bytes: Uint8Array) {
    this.bytes = asBuffer(bytes)
    this.#attributes = this.bytes.readInt16BE(at.attributes)
    this.recordCount = this.bytes.readInt32BE(at.recordCount)
    // A record takes seven bytes at least, but compressed it may take less than one: so no more can be told here.
    if (this.recordCount < 0) throw corrupt(`${this.recordCount} records`, at.recordCount)
  }

  get baseOffset(): bigint {
    return this.bytes.readBigInt64BE(at.baseOffset)
  }

  /** The offset of the last record that was written; compaction may have removed it. */
  get lastOffset(): bigint {
    return this.baseOffset + BigInt(this.lastOffsetDelta)
  }

  get lastOffsetDelta(): number {
    return this.bytes.readInt32BE(at.lastOffsetDelta)
  }

  get partitionLeaderEpoch(): number {
    return this.bytes.readInt32BE(at.partitionLeaderEpoch)
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

  /** Whether the records have their own timestamps, or all that at which the broker appended them (`maxTimestamp`). */
  get timestampType(): 'create' | 'append' {
    return (this.#attributes & attribute.logAppendTime) === 0 ? 'create' : 'append'
  }

  /** What the timestamp deltas of the records are added to, in ms. */
  get baseTimestamp(): number {
    return readTimestamp(this.bytes, at.baseTimestamp)
  }

  /** In ms. */
  get maxTimestamp(): number {
    return readTimestamp(this.bytes, at.maxTimestamp)
  }

  get producerId(): bigint {
    return this.bytes.readBigInt64BE(at.producerId)
  }

  get producerEpoch(): number {
    return this.bytes.readInt16BE(at.producerEpoch)
  }

  /** The sequence number of the first record, -1 without idempotence. */
  get baseSequence(): number {
    return this.bytes.readInt32BE(at.baseSequence)
  }

  /** The records as they were sent, perhaps compressed. */
  get payload(): Buffer {
    return this.bytes.subarray(batchHeaderBytes)
  }

  /** Whether the checksum in the batch is that of its bytes. */
  verifyCrc(): boolean {
    return this.bytes.readUInt32BE(at.crc) === checksumOf(this.bytes)
  }

  /** A cursor before the first record. `payload` is the decompressed records of a batch that is compressed. */
  records(payload?: Uint8Array): RecordCursor {
    if (payload !== undefined) return new RecordCursor(payload, 0, this.recordCount)
    if (this.compressionId !== 0) throw new TypeError('the records are compressed: decompress the payload first')
    return new RecordCursor(this.bytes, batchHeaderBytes, this.recordCount)
  }
}

function corrupt(reason: string, offset: number): DecodeError {
  return new DecodeError(reason, { what: 'RecordBatch', offset })
}

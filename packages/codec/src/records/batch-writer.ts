import type { Codec } from '../compression/codec.ts'
import { varintSize, varlongSize, wideSize, writeVarint, writeVarlong, writeWide } from '../wire/varint.ts'
import { at, attribute, batchHeaderBytes, checksumOf, logOverheadBytes, magic, writeTimestamp } from './layout.ts'
import type { RecordHeader } from './record.ts'

export interface BatchWriterOptions {
  /** Initial size of the buffer in bytes; it grows by doubling. */
  readonly initialBytes?: number
  /** When compaction may remove the batch's tombstones, in ms since the epoch (KIP-534). For log cleaners. */
  readonly deleteHorizonMs?: number | undefined
}

/** The header fields of a batch that do not follow from its records. */
export interface SealFields {
  /** -1 for a producer that is neither idempotent nor transactional. */
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly baseOffset?: bigint | undefined
  readonly partitionLeaderEpoch?: number | undefined
  readonly transactional?: boolean | undefined
  readonly control?: boolean | undefined
}

/** Strings are written as UTF-8. */
export type Data = string | Uint8Array | null

const defaultBytes = 4096
const mostBytes = 0x7fff_ffff

/** Up to this length a loop over the characters is faster than Buffer's writer. */
const loopLength = 24

/** Space beyond the number of characters that detects a non-ASCII string: see `writeString`. */
const slackBytes = 4

const noHeadersSize = 1

/** Timestamps that a number cannot represent exactly. */
interface WideTimestamps {
  base: bigint
  max: bigint
  /** The timestamp delta of the current record. */
  delta: bigint
}

/**
 * Builds a record batch of magic 2. Each record is written once, into its final place; sealing the batch writes the
 * header into the space reserved before the records.
 */
export class BatchWriter {
  #buffer: Buffer
  #capacity: number
  #end = batchHeaderBytes
  #count = 0
  #baseTimestamp = -1
  #maxTimestamp = -1
  /** A non-ASCII string was seen: from then on lengths are measured instead of guessed. */
  #measure = false
  /** Replaces the two numbers above once one of them would be inexact. */
  #wide: WideTimestamps | undefined
  readonly #deleteHorizonMs: number | undefined

  constructor({ initialBytes = defaultBytes, deleteHorizonMs }: BatchWriterOptions = {}) {
    this.#capacity = Math.max(initialBytes, batchHeaderBytes)
    this.#buffer = Buffer.allocUnsafeSlow(this.#capacity)
    this.#deleteHorizonMs = deleteHorizonMs
    if (deleteHorizonMs !== undefined) this.#baseTimestamp = deleteHorizonMs
  }

  /** Number of appended records. */
  get count(): number {
    return this.#count
  }

  /** The size of the batch if it were sealed now without compression, in bytes. */
  get byteLength(): number {
    return this.#end
  }

  /** The size of the underlying buffer, in bytes. */
  get capacity(): number {
    return this.#capacity
  }

  /** The timestamp of the first record in ms, -1 for an empty batch. Beyond 2^53 the nearest number. */
  get baseTimestamp(): number {
    return this.#wide === undefined ? this.#baseTimestamp : Number(this.#wide.base)
  }

  /** The largest timestamp in ms, -1 for an empty batch. Beyond 2^53 the nearest number. */
  get maxTimestamp(): number {
    return this.#wide === undefined ? this.#maxTimestamp : Number(this.#wide.max)
  }

  /** Appends a copy of a record. Strings are written as UTF-8. The timestamp is a safe integer or an int64. */
  append(timestampMs: number | bigint, key: Data, value: Data, headers: readonly RecordHeader[]): void {
    const isFirst = this.#count === 0 && this.#deleteHorizonMs === undefined
    const near = typeof timestampMs === 'number' && this.#wide === undefined
    let delta = !near || isFirst ? 0 : timestampMs - this.#baseTimestamp
    if (!near || !Number.isSafeInteger(timestampMs) || !Number.isSafeInteger(delta)) {
      delta = this.#widen(timestampMs, isFirst)
    }
    this.#append(delta, key, value, headers)
    if (this.#wide === undefined) {
      const ms = Number(timestampMs)
      if (isFirst) this.#baseTimestamp = ms
      if (ms > this.#maxTimestamp || this.#count === 0) this.#maxTimestamp = ms
    } else if (BigInt(timestampMs) > this.#wide.max || this.#count === 0) this.#wide.max = BigInt(timestampMs)
    this.#count++
  }

  /**
   * As `append`, with the timestamp relative to that of the first record: 32 bits, of a batch whose first record exists. Passing a
   * small integer allocates nothing; a timestamp in ms is an allocation for each call.
   */
  appendAt(deltaMs: number, key: Data, value: Data, headers: readonly RecordHeader[]): void {
    if (this.#count === 0 || this.#wide !== undefined) {
      this.append(this.baseTimestamp + deltaMs, key, value, headers)
      return
    }
    this.#append(deltaMs, key, value, headers)
    const timestampMs = this.#baseTimestamp + deltaMs
    if (timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs
    this.#count++
  }

  #append(delta: number, key: Data, value: Data, headers: readonly RecordHeader[]): void {
    const headersSize = headers.length === 0 ? noHeadersSize : measureHeaders(headers)
    let end = -1
    if (!this.#measure) end = this.#write(delta, key, unitsOf(key), value, unitsOf(value), headers, headersSize)
    if (end < 0) {
      this.#measure = true
      end = this.#write(delta, key, bytesOf(key), value, bytesOf(value), headers, headersSize)
    }
    this.#end = end
  }

  /** Switches to 64-bit timestamps if this one needs it. Returns its delta, which is exact only in `#wide`. */
  #widen(timestampMs: number | bigint, isFirst: boolean): number {
    if (
      typeof timestampMs === 'number'
        ? !Number.isSafeInteger(timestampMs)
        : BigInt.asIntN(64, timestampMs) !== timestampMs
    ) {
      throw new TypeError(`not a timestamp in ms: ${timestampMs}`)
    }
    const exact = BigInt(timestampMs)
    const base = isFirst ? exact : (this.#wide?.base ?? BigInt(this.#baseTimestamp))
    // Wraps around at the end of the range, as in Java.
    const delta = BigInt.asIntN(64, exact - base)
    const isNarrow = Number.isSafeInteger(Number(exact)) && Number.isSafeInteger(Number(delta))
    if (this.#wide !== undefined || !isNarrow) {
      this.#wide = { base, max: this.#wide?.max ?? BigInt(this.#maxTimestamp), delta }
    }
    return Number(delta)
  }

  /**
   * Writes the header and returns the bytes of the batch. They belong to the writer and are valid until the next
   * `append` or
   * `reset`.
   */
  seal(fields: SealFields): Uint8Array {
    const batch = this.#buffer.subarray(0, this.#end)
    this.#writeHeader(batch, fields, 0)
    return batch
  }

  /** Like `seal`, with compressed records. The bytes are a copy, so the writer may be reset afterwards. */
  async sealCompressed(fields: SealFields, codec: Codec, level?: number): Promise<Uint8Array> {
    return this.sealPayload(fields, codec.id, await codec.compress(this.payload, level))
  }

  /** The records so far, without the header. The bytes belong to the writer, like those of `seal`. */
  get payload(): Uint8Array {
    return this.#buffer.subarray(batchHeaderBytes, this.#end)
  }

  /** Like `sealCompressed`, for a caller that has compressed `payload` with the codec of that id. */
  sealPayload(fields: SealFields, codecId: number, compressed: Uint8Array): Uint8Array {
    const batch = Buffer.allocUnsafeSlow(batchHeaderBytes + compressed.length)
    batch.set(compressed, batchHeaderBytes)
    this.#writeHeader(batch, fields, codecId)
    return batch
  }

  /** Empties the writer and reuses its buffer. The sealed bytes must no longer be in use. */
  reset(): void {
    this.#end = batchHeaderBytes
    this.#count = 0
    this.#baseTimestamp = this.#deleteHorizonMs ?? -1
    this.#maxTimestamp = -1
    this.#wide = undefined
    this.#measure = false
  }

  /** Writes a record and returns its end, or -1 if its strings do not have `keyLength` and `valueLength` bytes. */
  #write(
    delta: number,
    key: Data,
    keyLength: number,
    value: Data,
    valueLength: number,
    headers: readonly RecordHeader[],
    headersSize: number,
  ): number {
    const offsetDelta = this.#count
    let size = 5 + headersSize
    if (delta > 63 || delta < -64) size += this.#deltaSize(delta) - 1
    if (offsetDelta > 63) size += varintSize(offsetDelta) - 1
    if (keyLength > 0) size += keyLength > 63 ? keyLength + varintSize(keyLength) - 1 : keyLength
    if (valueLength > 0) size += valueLength > 63 ? valueLength + varintSize(valueLength) - 1 : valueLength
    if (!(keyLength >= -1 && valueLength >= -1)) throw new TypeError('keys and values must be strings, bytes or null')
    const needed = this.#end + 5 + size + slackBytes
    if (!(needed <= this.#capacity)) this.#grow(needed)
    const buffer = this.#buffer
    let pos = writeVarint(buffer, this.#end, size)
    buffer[pos++] = 0
    if (delta < 64 && delta >= 0) buffer[pos++] = delta << 1
    else pos = this.#writeDelta(pos, delta)
    if (offsetDelta < 64) buffer[pos++] = offsetDelta << 1
    else pos = writeVarint(buffer, pos, offsetDelta)
    if (key === null) buffer[pos++] = 1
    else {
      if (keyLength < 64) buffer[pos++] = keyLength << 1
      else pos = writeVarint(buffer, pos, keyLength)
      if (typeof key !== 'string') buffer.set(key, pos)
      else if (!writeString(buffer, pos, key, keyLength)) return -1
      pos += keyLength
    }
    if (value === null) buffer[pos++] = 1
    else {
      pos = writeVarint(buffer, pos, valueLength)
      if (typeof value !== 'string') buffer.set(value, pos)
      else if (!writeString(buffer, pos, value, valueLength)) return -1
      pos += valueLength
    }
    if (headersSize !== noHeadersSize) return writeHeaders(buffer, pos, headers)
    buffer[pos] = 0
    return pos + 1
  }

  #deltaSize(delta: number): number {
    return this.#wide === undefined ? varlongSize(delta) : wideSize(this.#wide.delta)
  }

  #writeDelta(pos: number, delta: number): number {
    if (this.#wide === undefined) return writeVarlong(this.#buffer, pos, delta)
    return writeWide(this.#buffer, pos, this.#wide.delta)
  }

  #grow(needed: number): void {
    if (Number.isNaN(needed)) throw new TypeError('values of headers must be strings, bytes or null')
    if (needed > mostBytes) throw new RangeError(`a batch of ${needed} bytes; it may have ${mostBytes}`)
    const capacity = Math.min(mostBytes, Math.max(needed, this.#capacity * 2))
    const buffer = Buffer.allocUnsafeSlow(capacity)
    this.#buffer.copy(buffer, batchHeaderBytes, batchHeaderBytes, this.#end)
    this.#buffer = buffer
    this.#capacity = capacity
  }

  #writeHeader(batch: Buffer, fields: SealFields, compression: number): void {
    if (this.#count === 0) throw new TypeError('an empty batch cannot be sealed')
    const { producerId, producerEpoch, baseSequence, baseOffset = 0n, partitionLeaderEpoch = -1 } = fields
    const { transactional = false, control = false } = fields
    batch.writeBigInt64BE(baseOffset, at.baseOffset)
    batch.writeInt32BE(batch.length - logOverheadBytes, at.batchLength)
    batch.writeInt32BE(partitionLeaderEpoch, at.partitionLeaderEpoch)
    batch[at.magic] = magic
    const kinds = (transactional ? attribute.transactional : 0) | (control ? attribute.control : 0)
    const horizon = this.#deleteHorizonMs === undefined ? 0 : attribute.deleteHorizon
    batch.writeInt16BE(compression | kinds | horizon, at.attributes)
    batch.writeInt32BE(this.#count - 1, at.lastOffsetDelta)
    writeTimestamp(batch, at.baseTimestamp, this.#wide?.base ?? this.#baseTimestamp)
    writeTimestamp(batch, at.maxTimestamp, this.#wide?.max ?? this.#maxTimestamp)
    batch.writeBigInt64BE(producerId, at.producerId)
    batch.writeInt16BE(producerEpoch, at.producerEpoch)
    batch.writeInt32BE(baseSequence, at.baseSequence)
    batch.writeInt32BE(this.#count, at.recordCount)
    batch.writeUInt32BE(checksumOf(batch), at.crc)
  }
}

function unitsOf(data: Data): number {
  return data === null ? -1 : data.length
}

function bytesOf(data: Data): number {
  if (data === null) return -1
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length
}

/**
 * Writes a string that is assumed to have `length` bytes, and returns whether it has. If `length` is its number of
 * characters, the string is ASCII or the assumption is wrong. A character has at most four bytes, so with four bytes of
 * extra space Buffer writes more than `length` bytes exactly when the assumption is wrong.
 */
function writeString(buffer: Buffer, start: number, value: string, length: number): boolean {
  if (value.length !== length) return buffer.write(value, start, length) === length
  if (length > loopLength) return buffer.write(value, start, length + slackBytes) === length
  let seen = 0
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i)
    seen |= code
    buffer[start + i] = code
  }
  return seen < 0x80
}

function measureHeaders(headers: readonly RecordHeader[]): number {
  let size = varintSize(headers.length)
  for (let i = 0; i < headers.length; i++) {
    const { key, value } = headers[i]!
    const keyLength = Buffer.byteLength(key)
    const valueLength = bytesOf(value)
    size += varintSize(keyLength) + keyLength + varintSize(valueLength) + Math.max(valueLength, 0)
  }
  return size
}

function writeHeaders(buffer: Buffer, start: number, headers: readonly RecordHeader[]): number {
  let pos = writeVarint(buffer, start, headers.length)
  for (let i = 0; i < headers.length; i++) {
    const { key, value } = headers[i]!
    const keyLength = Buffer.byteLength(key)
    pos = writeVarint(buffer, pos, keyLength)
    pos += buffer.write(key, pos, keyLength)
    const valueLength = bytesOf(value)
    pos = writeVarint(buffer, pos, valueLength)
    if (value === null) continue
    if (typeof value === 'string') buffer.write(value, pos, valueLength)
    else buffer.set(value, pos)
    pos += valueLength
  }
  return pos
}

import { DecodeError } from '../wire/decode-error.ts'
import { asBuffer } from '../wire/reader.ts'

/** A decoded header. Its value is a view into the batch. */
export interface RecordHeaderView {
  readonly key: string
  readonly value: Buffer | null
}

/**
 * The position at which the varint functions read. A module variable, because returning two numbers would need an
 * object.
 */
let pos = 0

/**
 * Iterates over the records of a batch without an object per record: `next` sets the fields to the positions of the
 * record's parts in `bytes`.
 */
export class RecordCursor {
  /** The bytes that `keyStart` and the other positions refer to: the records or their whole batch. */
  readonly bytes: Uint8Array
  /** The record's offset relative to the base offset of the batch. */
  offsetDelta = 0
  /** The record's timestamp relative to the batch's base timestamp, in ms. Beyond 2^53 the nearest number: see
   * `wideTimestampDelta`. */
  timestampDelta = 0
  keyStart = 0
  /** -1 for null. */
  keyLength = -1
  valueStart = 0
  /** -1 for null. */
  valueLength = -1
  headersStart = 0
  headerCount = 0
  readonly #end: number
  #next: number
  #left: number
  #deltaStart = 0

  constructor(bytes: Uint8Array, start: number, recordCount: number) {
    this.bytes = bytes
    this.#next = start
    this.#end = bytes.length
    this.#left = recordCount
  }

  /** The record's timestamp delta in ms, exact over the range of an int64. */
  get wideTimestampDelta(): bigint {
    if (Number.isSafeInteger(this.timestampDelta)) return BigInt(this.timestampDelta)
    pos = this.#deltaStart
    return wideVarlong(this.bytes, 0, 0)
  }

  /** The position in `bytes` after the record. */
  get recordEnd(): number {
    return this.#next
  }

  /** Moves to the next record; false after the last one. Throws DecodeError. */
  next(): boolean {
    const { bytes } = this
    if (this.#left === 0) {
      if (this.#next !== this.#end) throw corrupt(`${this.#end - this.#next} bytes after the last record`, this.#next)
      return false
    }
    this.#left--
    pos = this.#next
    const length = varint(bytes)
    const end = pos + length
    if (length < 0 || end > this.#end) throw corrupt(`a record of ${length} bytes`, this.#next)
    pos++
    this.#deltaStart = pos
    this.timestampDelta = varlong(bytes)
    this.offsetDelta = varint(bytes)
    const keyLength = varint(bytes)
    this.keyStart = pos
    this.keyLength = keyLength
    if (keyLength > 0) pos += keyLength
    const valueLength = varint(bytes)
    this.valueStart = pos
    this.valueLength = valueLength
    if (valueLength > 0) pos += valueLength
    const headerCount = varint(bytes)
    this.headersStart = pos
    this.headerCount = headerCount
    // A header has at least two bytes; without headers the record ends here.
    const rest = end - pos
    if (
      keyLength < -1 ||
      valueLength < -1 ||
      headerCount < 0 ||
      (headerCount === 0 ? rest !== 0 : rest < headerCount * 2)
    ) {
      throw corrupt('the lengths within a record contradict each other', this.#next)
    }
    this.#next = end
    return true
  }
}

/** Decodes the headers of the record at a cursor. Throws DecodeError. */
export function readHeaders(bytes: Uint8Array, headersStart: number, headerCount: number): RecordHeaderView[] {
  const buffer = asBuffer(bytes)
  const headers: RecordHeaderView[] = []
  pos = headersStart
  for (let i = 0; i < headerCount; i++) {
    const keyLength = varint(bytes)
    const keyStart = pos
    if (keyLength < 0 || keyStart + keyLength > bytes.length)
      throw corrupt(`a header key of ${keyLength} bytes`, keyStart)
    pos = keyStart + keyLength
    const valueLength = varint(bytes)
    const valueStart = pos
    if (valueLength < -1 || valueStart + valueLength > bytes.length) {
      throw corrupt(`a header value of ${valueLength} bytes`, valueStart)
    }
    if (valueLength > 0) pos = valueStart + valueLength
    headers.push({
      key: buffer.toString('utf8', keyStart, keyStart + keyLength),
      value: valueLength === -1 ? null : buffer.subarray(valueStart, valueStart + valueLength),
    })
  }
  return headers
}

// Reading beyond the end yields `undefined`, which is never below 0x80, so a varint that crosses the end is rejected.

function varint(bytes: Uint8Array): number {
  let byte = bytes[pos++]!
  let bits = byte & 0x7f
  if (byte < 0x80) return (bits >>> 1) ^ -(bits & 1)
  for (let shift = 7; shift < 35; shift += 7) {
    byte = bytes[pos++]!
    bits |= (byte & 0x7f) << shift
    if (byte < 0x80) return (bits >>> 1) ^ -(bits & 1)
  }
  throw corrupt('a varint of more than 5 bytes, or cut off', pos)
}

/** Reads a number: exact up to 2^53, beyond that the nearest. */
function varlong(bytes: Uint8Array): number {
  let byte = bytes[pos++]!
  let bits = byte & 0x7f
  if (byte < 0x80) return (bits >>> 1) ^ -(bits & 1)
  for (let shift = 7; shift < 28; shift += 7) {
    byte = bytes[pos++]!
    bits |= (byte & 0x7f) << shift
    if (byte < 0x80) return (bits >>> 1) ^ -(bits & 1)
  }
  return Number(wideVarlong(bytes, bits, 28))
}

/** Reads the rest of a varint whose low bits have been read. */
function wideVarlong(bytes: Uint8Array, low: number, lowBits: number): bigint {
  let bits = BigInt(low)
  for (let shift = BigInt(lowBits); shift < 70n; shift += 7n) {
    const byte = bytes[pos++]!
    bits |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) {
      bits = BigInt.asUintN(64, bits)
      return BigInt.asIntN(64, (bits >> 1n) ^ -(bits & 1n))
    }
  }
  throw corrupt('a varint of more than 10 bytes, or cut off', pos)
}

function corrupt(reason: string, offset: number): DecodeError {
  return new DecodeError(reason, { what: 'Record', offset })
}

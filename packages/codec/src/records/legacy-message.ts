import { crc32 } from 'node:zlib'
import { DecodeError } from '../wire/decode-error.ts'
import { writeVarint, writeWide } from '../wire/varint.ts'
import { at, attribute, batchHeaderBytes, magic as currentMagic, logOverheadBytes } from './layout.ts'

/** The offsets of the fields of a message of magic 0 and 1; magic 1 has an int64 timestamp before the key (KIP-32). */
export const messageAt = { offset: 0, size: 8, crc: 12, magic: 16, attributes: 17, timestamp: 18 } as const

/** Offset and size, which the size field excludes. */
export const messageOverheadBytes = logOverheadBytes

/** The last compression id that these formats support: lz4. */
export const lastLegacyCompression = 3

export type LegacyMagic = 0 | 1

/** The length that means null. */
const nullLength = -1

/** The offset of the key's length. */
export function keyAt(magic: LegacyMagic): number {
  return magic === 0 ? messageAt.timestamp : messageAt.timestamp + 8
}

/** The minimum of a message's size field. */
export function leastMessageBytes(magic: LegacyMagic): number {
  return keyAt(magic) + 4 + 4 - messageOverheadBytes
}

/** Base offsets are chosen so that every delta fits 31 bits. */
const mostDelta = 0x7fff_ffffn

/** Consecutive records of magic 2. */
interface Converted {
  readonly bytes: Uint8Array
  readonly count: number
}

/** The positions of a message's key and value in its bytes. */
interface Parts {
  readonly keyStart: number
  readonly keyLength: number
  readonly valueStart: number
  readonly valueLength: number
}

/**
 * A message of magic 0 or 1: a record, or a compressed set of such messages. It is presented as a batch of magic 2, and
 * its records are converted to magic 2, so that readers of records need no special case.
 */
export class LegacyMessage {
  readonly magic: LegacyMagic
  readonly #bytes: Buffer
  readonly #parts: Parts
  readonly #base: bigint
  #converted: Converted | undefined
  #convertedFrom: Uint8Array | undefined

  /** `bytes` is exactly one message; `start` is its position in the input, for errors. Throws DecodeError. */
  constructor(bytes: Buffer, start = 0) {
    this.magic = bytes[messageAt.magic] === 0 ? 0 : 1
    this.#bytes = bytes
    this.#parts = partsOf(bytes, 0, bytes.length, this.magic, start)
    const offset = bytes.readBigInt64BE(messageAt.offset)
    this.#base = this.#compression === 0 ? offset : lowestBase(offset)
    if (this.#compression === 0) return
    if (offset < 0n) throw corrupt(`a compressed set at offset ${offset}`, start)
    if (this.#compression > lastLegacyCompression) throw corrupt('a compression that the format does not have', start)
    if (this.#parts.valueLength === nullLength) throw corrupt('a compressed set that is null', start)
  }

  get #compression(): number {
    return this.#bytes[messageAt.attributes]! & attribute.compression
  }

  /** Magic 0 has no timestamps: -1. */
  get #timestamp(): bigint {
    return timestampOf(this.#bytes, 0, this.magic)
  }

  /** The equivalent header of a batch of magic 2. */
  asHeader(): Buffer {
    const header = Buffer.alloc(batchHeaderBytes)
    const appended = this.magic === 1 ? this.#bytes[messageAt.attributes]! & attribute.logAppendTime : 0
    const last = this.#bytes.readBigInt64BE(messageAt.offset)
    header.writeBigInt64BE(this.#base, at.baseOffset)
    header.writeInt32BE(-1, at.partitionLeaderEpoch)
    header[at.magic] = currentMagic
    header.writeInt16BE(this.#compression | appended, at.attributes)
    header.writeInt32BE(Number(last - this.#base), at.lastOffsetDelta)
    header.writeBigInt64BE(this.#timestamp, at.baseTimestamp)
    header.writeBigInt64BE(this.#timestamp, at.maxTimestamp)
    header.writeBigInt64BE(-1n, at.producerId)
    header.writeInt16BE(-1, at.producerEpoch)
    header.writeInt32BE(-1, at.baseSequence)
    header.writeInt32BE(this.#compression === 0 ? 1 : -1, at.recordCount)
    return header
  }

  /** The compressed set; without compression the message itself. */
  payload(): Buffer {
    const { valueStart, valueLength } = this.#parts
    return this.#compression === 0 ? this.#bytes : this.#bytes.subarray(valueStart, valueStart + valueLength)
  }

  /** Whether the CRC-32 matches. The checksums of messages inside a compressed set are not verified. */
  verifyCrc(): boolean {
    return this.#bytes.readUInt32BE(messageAt.crc) === crc32(this.#bytes.subarray(messageAt.magic))
  }

  /** The records of the message; `payload` is the decompressed set. Throws DecodeError. */
  records(payload?: Uint8Array): Converted {
    const source = payload ?? this.#bytes
    if (this.#converted === undefined || this.#convertedFrom !== source) {
      this.#converted = payload === undefined ? this.#convertSelf() : this.#convertSet(payload)
      this.#convertedFrom = source
    }
    return this.#converted
  }

  #convertSelf(): Converted {
    const out = Buffer.allocUnsafeSlow(this.#bytes.length)
    return { bytes: out.subarray(0, writeRecord(out, 0, 0n, 0, this.#bytes, this.#parts)), count: 1 }
  }

  #convertSet(payload: Uint8Array): Converted {
    const set = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    const { count, lastOffset } = this.#walk(set)
    const shift = this.#shift(lastOffset) - this.#base
    // A record of magic 2 without headers is never larger than the same message.
    const out = Buffer.allocUnsafeSlow(set.length)
    const base = this.#timestamp
    let written = 0
    for (let start = 0; start < set.length; ) {
      const end = start + messageOverheadBytes + set.readInt32BE(start + messageAt.size)
      const delta = set.readBigInt64BE(start + messageAt.offset) + shift
      if (delta < 0n || delta > mostDelta) throw corrupt('offsets that are too far apart', start)
      const time = BigInt.asIntN(64, timestampOf(set, start, this.magic) - base)
      const parts = partsOf(set, start, end, this.magic, start)
      written = writeRecord(out, written, time, Number(delta), set, parts)
      start = end
    }
    return { bytes: out.subarray(0, written), count }
  }

  /** Validates the messages of a decompressed set. */
  #walk(set: Buffer): { readonly count: number; readonly lastOffset: bigint } {
    const least = leastMessageBytes(this.magic)
    let count = 0
    let lastOffset = 0n
    for (let start = 0; start < set.length; count++) {
      const left = set.length - start - messageOverheadBytes
      const size = left < least ? -1 : set.readInt32BE(start + messageAt.size)
      if (size < least || size > left) throw corrupt(`a message of ${size} bytes in a compressed set`, start)
      if (set[start + messageAt.magic] !== this.magic) throw corrupt('a message of another magic in a set', start)
      if ((set[start + messageAt.attributes]! & attribute.compression) !== 0) {
        throw corrupt('a compressed message in a compressed set', start)
      }
      lastOffset = set.readBigInt64BE(start + messageAt.offset)
      start += messageOverheadBytes + size
    }
    if (count === 0) throw corrupt('a compressed set without messages', 0)
    return { count, lastOffset }
  }

  /**
   * What to add to the offsets in the set: since magic 1 they are relative to the outer offset, which is the last
   * one's.
   */
  #shift(lastOffset: bigint): bigint {
    const outer = this.#bytes.readBigInt64BE(messageAt.offset)
    // Some producers leave the outer offset 0.
    if (this.magic === 0 || outer === 0n) return 0n
    if (outer < lastOffset) throw corrupt(`an offset of ${outer} for a set that ends with ${lastOffset}`, 0)
    return outer - lastOffset
  }
}

function lowestBase(last: bigint): bigint {
  return last > mostDelta ? last - mostDelta : 0n
}

function timestampOf(bytes: Buffer, start: number, magic: LegacyMagic): bigint {
  return magic === 0 ? -1n : bytes.readBigInt64BE(start + messageAt.timestamp)
}

function partsOf(bytes: Buffer, start: number, end: number, magic: LegacyMagic, shownStart: number): Parts {
  const keyStart = start + keyAt(magic) + 4
  const keyLength = bytes.readInt32BE(keyStart - 4)
  // `#walk` has checked that the value's length is within the message.
  const valueStart = keyStart + Math.max(0, keyLength) + 4
  if (keyLength < nullLength || valueStart > end) throw corrupt(`a key of ${keyLength} bytes`, shownStart)
  const valueLength = bytes.readInt32BE(valueStart - 4)
  if (valueLength < nullLength || valueStart + Math.max(0, valueLength) !== end) {
    throw corrupt(`a value of ${valueLength} bytes`, shownStart)
  }
  return { keyStart, keyLength, valueStart, valueLength }
}

/** Writes a record of magic 2 and returns the next offset. */
function writeRecord(
  out: Buffer,
  start: number,
  timestampDelta: bigint,
  offsetDelta: number,
  from: Buffer,
  { keyStart, keyLength, valueStart, valueLength }: Parts,
): number {
  const body = recordHead
  let pos = 0
  body[pos++] = 0
  pos = writeWide(body, pos, timestampDelta)
  pos = writeVarint(body, pos, offsetDelta)
  const beforeKey = pos
  pos = writeVarint(body, pos, keyLength)
  const beforeValue = pos
  pos = writeVarint(body, pos, valueLength)
  let next = writeVarint(out, start, pos + Math.max(0, keyLength) + Math.max(0, valueLength) + 1)
  next += body.copy(out, next, 0, beforeKey)
  next += body.copy(out, next, beforeKey, beforeValue)
  next += from.copy(out, next, keyStart, keyStart + Math.max(0, keyLength))
  next += body.copy(out, next, beforeValue, pos)
  next += from.copy(out, next, valueStart, valueStart + Math.max(0, valueLength))
  out[next++] = 0
  return next
}

/** Space for a record without key and value. */
const recordHead = Buffer.alloc(32)

function corrupt(reason: string, offset: number): DecodeError {
  return new DecodeError(reason, { what: 'LegacyMessage', offset })
}

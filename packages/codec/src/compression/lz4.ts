import { DecodeError } from '../wire/decode-error.ts'
import { type Blocks, inputStart, slackBytes, withBlocks } from './blocks.ts'
import { tooMany } from './limit.ts'

// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md

const frameMagic = 0x184d2204
const skippableMagic = 0x184d2a50
const magicBytes = 4

/**
 * Version 1, independent blocks of 64 KiB, no checksums, as Kafka's Java client writes. The last byte is the header
 * checksum.
 */
const writtenHeader = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])
const writtenBlockBytes = 65_536

const flag = { independent: 0x20, blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 }
const versionMask = 0xc0
const version1 = 0x40
const reservedFlag = 0x02

/** The highest bit of a block's length marks an uncompressed block. */
const rawBlock = 0x8000_0000

/** Returned by `lz4Decompress` for a block that exceeds its limit. */
const overLimit = 1

/** The maximum compressed size of a block of `length` bytes. */
const blockBound = (length: number) => length + Math.ceil(length / 255) + 16

/** One LZ4 frame. */
export function compressLz4(bytes: Uint8Array): Buffer {
  const blockCount = Math.ceil(bytes.length / writtenBlockBytes)
  const frame = Buffer.allocUnsafeSlow(writtenHeader.length + bytes.length + (blockCount + 1) * 4)
  frame.set(writtenHeader)
  return withBlocks((blocks) => {
    const target = inputStart + writtenBlockBytes + slackBytes
    blocks.reserve(target + blockBound(writtenBlockBytes))
    let at = writtenHeader.length
    for (let start = 0; start < bytes.length; start += writtenBlockBytes) {
      const block = bytes.subarray(start, start + writtenBlockBytes)
      blocks.bytes.set(block, inputStart)
      const size = blocks.functions.lz4Compress(inputStart, block.length, target)
      const raw = size >= block.length
      at = frame.writeUInt32LE(raw ? rawBlock + block.length : size, at)
      frame.set(raw ? block : blocks.bytes.subarray(target, target + size), at)
      at += raw ? block.length : size
    }
    return frame.subarray(0, frame.writeUInt32LE(0, at))
  })
}

/**
 * The frame with the header checksum that messages of magic 0 require: Kafka's first clients included the magic number
 * in the checksum, and brokers and clients still do (KAFKA-3160).
 */
export function withBrokenHeaderChecksum(frame: Uint8Array): Buffer {
  const at = (frame[4]! & flag.contentSize) === 0 ? 6 : 14
  const patched = Buffer.from(frame)
  withBlocks((blocks) => {
    blocks.reserve(inputStart + at)
    blocks.bytes.set(frame.subarray(0, at), inputStart)
    patched[at] = blocks.functions.xxh32(inputStart, at) >>> 8
  })
  return patched
}

/** Decompresses all frames of `bytes` in sequence. Throws DecodeError. */
export function decompressLz4(bytes: Uint8Array, maxBytes: number): Buffer {
  return withBlocks((blocks) => {
    const start = inputStart + bytes.length + slackBytes
    blocks.reserve(start)
    blocks.bytes.set(bytes, inputStart)
    const reader = new FrameReader(blocks, bytes.length, start, maxBytes)
    do reader.frame()
    while (reader.in < reader.end)
    return blocks.copy(start, reader.out)
  })
}

/**
 * The maximum decompressed size of the frame in `bytes`, from its headers alone. Infinity unless `bytes` is exactly one
 * whole frame.
 */
export function lz4Bound(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 11 || view.getUint32(0, true) !== frameMagic) return Number.POSITIVE_INFINITY
  const flags = bytes[4]!
  const blockBytes = 1 << (8 + 2 * (bytes[5]! >>> 4))
  const blockEnd = (flags & flag.blockChecksum) === 0 ? 0 : 4
  let at = (flags & flag.contentSize) === 0 ? 7 : 15
  let bound = 0
  while (at + 4 <= bytes.length) {
    const size = view.getUint32(at, true)
    at += 4
    if (size === 0) {
      const end = at + ((flags & flag.contentChecksum) === 0 ? 0 : 4)
      return end === bytes.length ? bound : Number.POSITIVE_INFINITY
    }
    const length = size & ~rawBlock
    bound += size >= rawBlock ? length : Math.min(blockBytes, length * 255)
    at += length + blockEnd
  }
  return Number.POSITIVE_INFINITY
}

/** The header of a frame, without its magic number. */
interface FrameHeader {
  readonly flags: number
  readonly blockBytes: number
  /** -1 if absent. */
  readonly contentSize: number
}

class FrameReader {
  readonly #blocks: Blocks
  readonly #maxBytes: number
  readonly #start: number
  readonly end: number
  in = inputStart
  out: number

  constructor(blocks: Blocks, length: number, start: number, maxBytes: number) {
    this.#blocks = blocks
    this.#maxBytes = maxBytes
    this.#start = start
    this.end = inputStart + length
    this.out = start
  }

  get #left(): number {
    return this.#maxBytes - (this.out - this.#start)
  }

  frame(): void {
    const magic = this.#uint32()
    if ((magic & ~0xf) === skippableMagic) {
      this.#skip(this.#uint32())
      return
    }
    if (magic !== frameMagic) throw this.#error('not an LZ4 frame')
    const header = this.#header(this.in - magicBytes)
    const frameStart = this.out
    for (let size = this.#uint32(); size !== 0; size = this.#uint32()) this.#block(header, size, frameStart)
    const length = this.out - frameStart
    if (header.contentSize >= 0 && header.contentSize !== length) {
      throw this.#error(`${length} bytes where the frame announces ${header.contentSize}`)
    }
    if ((header.flags & flag.contentChecksum) !== 0) this.#verify(frameStart, length, 'content')
  }

  #header(start: number): FrameHeader {
    const flags = this.#byte()
    const sizes = this.#byte()
    const code = sizes >>> 4
    if ((flags & versionMask) !== version1 || (flags & reservedFlag) !== 0)
      throw this.#error('an unknown kind of frame')
    if ((sizes & 0x8f) !== 0 || code < 4) throw this.#error('an unknown block size')
    if ((flags & flag.dictionary) !== 0) throw this.#error('a frame that needs a dictionary')
    const announced = (flags & flag.contentSize) === 0 ? -1 : this.#uint32() + this.#uint32() * 0x1_0000_0000
    this.#headerChecksum(start)
    if (announced > this.#left) throw tooMany('lz4', this.#maxBytes)
    return { flags, blockBytes: 1 << (8 + 2 * code), contentSize: announced }
  }

  #headerChecksum(start: number): void {
    const { functions } = this.#blocks
    const { in: at } = this
    const found = this.#byte()
    const right = (functions.xxh32(start + magicBytes, at - start - magicBytes) >>> 8) & 0xff
    if (found === right) return
    // For messages of magic 0 Kafka's clients included the magic number, and brokers store these unchanged
    // (KAFKA-3160).
    const wrong = (functions.xxh32(start, at - start) >>> 8) & 0xff
    if (found !== wrong) throw this.#error('the checksum of the header does not match')
  }

  #block({ flags, blockBytes }: FrameHeader, size: number, frameStart: number): void {
    const length = size & ~rawBlock
    if (length > blockBytes) throw this.#error(`a block of ${length} bytes`)
    const at = this.in
    this.#skip(length)
    if ((flags & flag.blockChecksum) !== 0) this.#verify(at, length, 'block')
    const room = Math.min(blockBytes, this.#left)
    this.#blocks.reserve(this.out + room)
    if (size >= rawBlock) {
      if (length > room) throw tooMany('lz4', this.#maxBytes)
      this.#blocks.bytes.copyWithin(this.out, at, at + length)
      this.out += length
      return
    }
    const low = (flags & flag.independent) === 0 ? frameStart : this.out
    const end = this.#blocks.functions.lz4Decompress(at, length, this.out, low, this.out + room) >>> 0
    if (end === overLimit && room < blockBytes) throw tooMany('lz4', this.#maxBytes)
    if (end <= overLimit) throw this.#error('a malformed block')
    this.out = end
  }

  #verify(at: number, length: number, what: string): void {
    if (this.#uint32() !== this.#blocks.functions.xxh32(at, length) >>> 0) {
      throw this.#error(`the checksum of the ${what} does not match`)
    }
  }

  #byte(): number {
    const at = this.in
    this.#skip(1)
    return this.#blocks.bytes[at]!
  }

  #uint32(): number {
    const at = this.in
    this.#skip(4)
    const { bytes } = this.#blocks
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  }

  #skip(length: number): void {
    if (length > this.end - this.in)
      throw this.#error(`${length} bytes wanted, but only ${this.end - this.in} are left`)
    this.in += length
  }

  #error(reason: string): DecodeError {
    return new DecodeError(reason, { what: 'lz4', offset: this.in - inputStart })
  }
}

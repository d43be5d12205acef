import { DecodeError } from '../wire/decode-error.ts'
import { type Blocks, inputStart, slackBytes, withBlocks } from './blocks.ts'
import { tooMany } from './limit.ts'

// https://github.com/google/snappy/blob/main/format_description.txt, in the frames of xerial's snappy-java:
// a header, then chunks of a length (int32, big-endian) and a Snappy block each.

/** Magic, version 1, compatible with version 1. */
const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
const magicBytes = 8

/** The chunk size of xerial's streams, and so of Kafka's Java client. */
const writtenChunkBytes = 32_768

/** The maximum compressed size of a block of `length` bytes, including its length field. */
const blockBound = (length: number) => length + Math.ceil(length / 6) + 32

/** Three input bytes produce at most 64 bytes: an impossible length is detected before memory is allocated. */
const mostGrowth = 22

/** Compresses into chunks in xerial's framing. */
export function compressSnappy(bytes: Uint8Array): Buffer {
  const chunkCount = Math.ceil(bytes.length / writtenChunkBytes)
  const framed = Buffer.allocUnsafeSlow(header.length + blockBound(bytes.length) + chunkCount * 40)
  framed.set(header)
  return withBlocks((blocks) => {
    const target = inputStart + writtenChunkBytes + slackBytes
    blocks.reserve(target + blockBound(writtenChunkBytes))
    let at = header.length
    for (let start = 0; start < bytes.length; start += writtenChunkBytes) {
      const chunk = bytes.subarray(start, start + writtenChunkBytes)
      blocks.bytes.set(chunk, inputStart)
      const size = blocks.functions.snappyCompress(inputStart, chunk.length, target)
      const sizeAt = at
      at += 4
      let length = chunk.length
      for (; length >= 0x80; length >>>= 7) framed[at++] = length | 0x80
      framed[at++] = length
      framed.set(blocks.bytes.subarray(target, target + size), at)
      at += size
      framed.writeUInt32BE(at - sizeAt - 4, sizeAt)
    }
    return framed.subarray(0, at)
  })
}

/** Decompresses chunks in xerial's framing, or one plain block. Throws DecodeError. */
export function decompressSnappy(bytes: Uint8Array, maxBytes: number): Buffer {
  return withBlocks((blocks) => {
    const start = inputStart + bytes.length + slackBytes
    blocks.reserve(start)
    blocks.bytes.set(bytes, inputStart)
    const reader = new SnappyReader(blocks, bytes.length, start, maxBytes)
    if (reader.startsFrame()) reader.chunks()
    else reader.block(bytes.length)
    return blocks.copy(start, reader.out)
  })
}

/** Wraps a block, including its length prefix, in a frame of one chunk. */
export function xerialOf(block: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafeSlow(header.length + 4 + block.length)
  framed.set(header)
  framed.writeUInt32BE(block.length, header.length)
  framed.set(block, header.length + 4)
  return framed
}

/**
 * Returns the only block, including its length prefix, if its announced size is plausible and at most `maxBytes`; else
 * undefined.
 */
export function plainSnappy(bytes: Uint8Array, maxBytes: number): Uint8Array | undefined {
  let block = bytes
  if (startsFrame(bytes, 0, bytes.length)) {
    const start = header.length + 4
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(header.length)
    if (start + length !== bytes.length) return undefined
    block = bytes.subarray(start)
  }
  let made = 0
  for (let i = 0; i < 5 && i < block.length; i++) {
    const byte = block[i]!
    made += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return made <= maxBytes && made <= block.length * mostGrowth ? block : undefined
  }
  return undefined
}

function startsFrame(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < header.length) return false
  for (let i = 0; i < magicBytes; i++) if (bytes[start + i] !== header[i]) return false
  return true
}

class SnappyReader {
  readonly #blocks: Blocks
  readonly #maxBytes: number
  readonly #start: number
  readonly #end: number
  #in = inputStart
  out: number

  constructor(blocks: Blocks, length: number, start: number, maxBytes: number) {
    this.#blocks = blocks
    this.#maxBytes = maxBytes
    this.#start = start
    this.#end = inputStart + length
    this.out = start
  }

  startsFrame(): boolean {
    return startsFrame(this.#blocks.bytes, this.#in, this.#end)
  }

  chunks(): void {
    this.#in += header.length
    while (this.#in < this.#end) {
      // Streams may be concatenated, each with its own header.
      if (this.startsFrame()) {
        this.#in += header.length
        continue
      }
      if (this.#end - this.#in < 4) throw this.#error('a chunk that is cut off')
      const { bytes } = this.#blocks
      const at = this.#in
      const length = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
      this.#in += 4
      if (length < 0 || length > this.#end - this.#in) throw this.#error(`a chunk of ${length} bytes`)
      this.block(length)
    }
  }

  /** Decompresses a block of `length` bytes, which starts with its decompressed length. */
  block(length: number): void {
    const end = this.#in + length
    const made = this.#uvarint(end)
    if (made > this.#maxBytes - (this.out - this.#start)) throw tooMany('snappy', this.#maxBytes)
    if (made > length * mostGrowth) throw this.#error(`${made} bytes announced, which cannot be in ${length}`)
    const target = this.out + made
    this.#blocks.reserve(target)
    const done = this.#blocks.functions.snappyDecompress(this.#in, end - this.#in, this.out, target) >>> 0
    if (done !== target) throw this.#error('a malformed block')
    this.out = target
    this.#in = end
  }

  #uvarint(end: number): number {
    let value = 0
    for (let scale = 1; this.#in < end && scale <= 2 ** 28; scale *= 0x80) {
      const byte = this.#blocks.bytes[this.#in++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw this.#error('a malformed length')
  }

  #error(reason: string): DecodeError {
    return new DecodeError(reason, { what: 'snappy', offset: this.#in - inputStart })
  }
}

import { DecodeError } from '../wire/decode-error.ts'
import { asBuffer } from '../wire/reader.ts'
import { tooMany } from './limit.ts'

// RFC 8878, section 3.1.

const frameMagic = 0xfd2fb528
const skippableMagic = 0x184d2a50

const mostBlockBytes = 128 << 10
const leastWindowBytes = 1 << 10

/** The largest window that decoders should support (RFC 8878). Levels above 19 use larger ones. */
const usualWindowBytes = 8 << 20

/** Kafka's clients write one frame. Each frame costs a library call, however small it is. */
const mostFrames = 256

/** A frame as described by its headers, without decompressing it. */
export interface ZstdFrame {
  readonly bytes: Buffer
  /** The announced content size in bytes; -1 if absent. */
  readonly contentBytes: number
  /** Upper bound of the decompressed size, in bytes. */
  readonly boundBytes: number
}

/**
 * Finds the frames of `bytes` without the skippable ones. Throws DecodeError, also for an announced size beyond the
 * limit.
 */
export function zstdFrames(bytes: Uint8Array, maxBytes: number): ZstdFrame[] {
  const walker = new FrameWalker(asBuffer(bytes), maxBytes)
  const frames: ZstdFrame[] = []
  do {
    const frame = walker.frame()
    if (frame !== undefined) frames.push(frame)
    if (frames.length > mostFrames) throw new DecodeError(`more than ${mostFrames} frames`, { what: 'zstd' })
  } while (!walker.done)
  return frames
}

class FrameWalker {
  readonly #bytes: Buffer
  readonly #maxBytes: number
  #at = 0
  #announced = 0

  constructor(bytes: Buffer, maxBytes: number) {
    this.#bytes = bytes
    this.#maxBytes = maxBytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  frame(): ZstdFrame | undefined {
    const start = this.#at
    const magic = this.#uint(4)
    if ((magic & ~0xf) === skippableMagic) {
      this.#skip(this.#uint(4))
      return undefined
    }
    if (magic !== frameMagic) throw this.#error('not a zstd frame')
    const descriptor = this.#uint(1)
    const single = (descriptor & 0x20) !== 0
    if ((descriptor & 0x08) !== 0) throw this.#error('an unknown kind of frame')
    const declaredWindow = single ? 0 : windowBytes(this.#uint(1))
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!
    if (this.#uint(dictionaryBytes) !== 0) throw this.#error('a frame that needs a dictionary')
    const contentBytes = this.#contentSize(descriptor >>> 6, single)
    if (contentBytes > 0) this.#announced += contentBytes
    if (this.#announced > this.#maxBytes) throw tooMany('zstd', this.#maxBytes)
    const window = single ? Math.max(contentBytes, leastWindowBytes) : declaredWindow
    // A decoder allocates the window before it reads further.
    if (window > Math.max(usualWindowBytes, this.#maxBytes)) throw this.#error(`a window of ${window} bytes`)
    const boundBytes = this.#blocks(Math.min(window, mostBlockBytes))
    if (contentBytes > boundBytes) throw this.#error(`${contentBytes} bytes announced, but ${boundBytes} are possible`)
    if ((descriptor & 0x04) !== 0) this.#skip(4)
    return { bytes: this.#bytes.subarray(start, this.#at), contentBytes, boundBytes }
  }

  #contentSize(code: number, single: boolean): number {
    if (code === 0) return single ? this.#uint(1) : -1
    if (code === 1) return this.#uint(2) + 256
    return code === 2 ? this.#uint(4) : this.#uint(4) + this.#uint(4) * 0x1_0000_0000
  }

  /** Walks over the blocks and returns the bound of their decompressed size. */
  #blocks(blockBytes: number): number {
    let bound = 0
    for (;;) {
      const header = this.#uint(3)
      const type = (header >>> 1) & 3
      const size = header >>> 3
      if (type === 3 || size > mostBlockBytes) throw this.#error('a malformed block')
      bound += type === 2 ? blockBytes : size
      this.#skip(type === 1 ? 1 : size)
      if ((header & 1) !== 0) return bound
    }
  }

  #uint(length: number): number {
    const at = this.#at
    this.#skip(length)
    return length === 0 ? 0 : this.#bytes.readUIntLE(at, length)
  }

  #skip(length: number): void {
    const left = this.#bytes.length - this.#at
    if (length > left) throw this.#error(`${length} bytes wanted, but only ${left} are left`)
    this.#at += length
  }

  #error(reason: string): DecodeError {
    return new DecodeError(reason, { what: 'zstd', offset: this.#at })
  }
}

function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3))
  return base + (base / 8) * (descriptor & 7)
}

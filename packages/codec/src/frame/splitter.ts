import { DecodeError } from '../wire/decode-error.ts'

const lengthBytes = 4
const slabBytes = 64 * 1024

/** A slab with less free space is replaced, so that reads do not become tiny. */
const leastSpaceBytes = 2048

/** An incomplete frame of at least this size gets its own buffer. */
const largeBytes = 16 * 1024

export interface FrameSplitterOptions {
  /** Maximum size of a frame in bytes, without its length. */
  readonly maxBytes: number
  /** Called with each frame, without its length. Its bytes never change afterwards. */
  readonly onFrame: (frame: Buffer) => void
  /** Called for a length that is negative or above `maxBytes`. Nothing is read after it. */
  readonly onError: (error: DecodeError) => void
}

/**
 * Splits a stream into frames. The caller writes to `space()` and then reports the size with `filled()`. Small frames
 * share a slab; a large one is read directly into a buffer of exactly its size.
 */
export class FrameSplitter {
  /** Maximum size of a frame in bytes. A change applies to frames whose length has not been read. */
  maxBytes: number
  readonly #onFrame: (frame: Buffer) => void
  readonly #onError: (error: DecodeError) => void
  #slab: Buffer | undefined
  /** Bytes of the slab in emitted frames, and bytes filled. No byte is written twice. */
  #taken = 0
  #filled = 0
  #large: Buffer | undefined
  #largeFilled = 0
  #stopped = false

  constructor({ maxBytes, onFrame, onError }: FrameSplitterOptions) {
    this.maxBytes = maxBytes
    this.#onFrame = onFrame
    this.#onError = onError
  }

  /** Bytes received of an incomplete frame. */
  get pendingBytes(): number {
    return this.#large === undefined ? this.#filled - this.#taken : lengthBytes + this.#largeFilled
  }

  /** Where to write the next bytes; never empty. */
  space(): Buffer {
    if (this.#large !== undefined) return this.#large.subarray(this.#largeFilled)
    if (this.#slab === undefined || slabBytes - this.#filled < leastSpaceBytes) this.#renewSlab()
    return this.#slab!.subarray(this.#filled)
  }

  /** `size` bytes were written to the start of what `space` returned last. */
  filled(size: number): void {
    if (this.#stopped) return
    if (this.#large !== undefined) {
      this.#largeFilled += size
      if (this.#largeFilled === this.#large.length) this.#finishLarge(this.#large)
      return
    }
    this.#filled += size
    while (!this.#stopped && this.#next());
  }

  /** Emits no further frame. */
  stop(): void {
    this.#stopped = true
    this.#slab = undefined
    this.#large = undefined
    this.#taken = 0
    this.#filled = 0
  }

  /** Emits one frame from the slab if it is complete. */
  #next(): boolean {
    const slab = this.#slab!
    const available = this.#filled - this.#taken - lengthBytes
    if (available < 0) return false
    const length = slab.readInt32BE(this.#taken)
    if (length < 0 || length > this.maxBytes) {
      this.#refuse(length)
      return false
    }
    const start = this.#taken + lengthBytes
    if (available >= length) {
      this.#taken = start + length
      this.#onFrame(slab.subarray(start, this.#taken))
      return true
    }
    if (length >= largeBytes) this.#beginLarge(length, start)
    return false
  }

  #beginLarge(length: number, start: number): void {
    this.#large = Buffer.allocUnsafeSlow(length)
    this.#largeFilled = this.#slab!.copy(this.#large, 0, start, this.#filled)
    this.#taken = this.#filled
  }

  #finishLarge(frame: Buffer): void {
    this.#large = undefined
    this.#onFrame(frame)
  }

  /**
   * The old slab is left alone because emitted frames are views into it; only the start of the next frame is copied.
   */
  #renewSlab(): void {
    const slab = Buffer.allocUnsafeSlow(slabBytes)
    this.#filled = this.#slab === undefined ? 0 : this.#slab.copy(slab, 0, this.#taken, this.#filled)
    this.#taken = 0
    this.#slab = slab
  }

  #refuse(length: number): void {
    this.stop()
    this.#onError(new DecodeError(`a frame of ${length} bytes, at most ${this.maxBytes} are allowed`))
  }
}

import { DecodeError } from '../wire/decode-error.ts'

const lengthBytes = 4
const slabBytes = 64 * 1024

/** A slab with less room than this is given up: reads should not be tiny. */
const leastSpaceBytes = 2048

/** A frame of this size or more that is not there yet gets a buffer of its own. */
const largeBytes = 16 * 1024

export interface FrameSplitterOptions {
  /** The longest frame that is taken, in bytes without its length; may be changed later. */
  readonly maxBytes: number
  /** A frame without its length. The bytes are its own: they never change afterwards. */
  readonly onFrame: (frame: Buffer) => void
  /** A length that is negative or above `maxBytes`. Nothing is read any more after it. */
  readonly onError: (error: DecodeError) => void
}

/**
 * Cuts a stream into frames. It says where the next bytes go (`space`) and is told how many came (`filled`): small
 * frames lie next to each other in a slab, a large one is read straight into a buffer of exactly its size.
 */
export class FrameSplitter {
  /** The longest frame that is taken, in bytes; a change holds for every frame whose length was not read yet. */
  maxBytes: number
  readonly #onFrame: (frame: Buffer) => void
  readonly #onError: (error: DecodeError) => void
  #slab: Buffer | undefined
  /** Bytes of the slab that belong to frames given out, and bytes that were filled. No byte is written twice. */
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

  /** Bytes of a frame that has begun but is not complete. */
  get pendingBytes(): number {
    return this.#large === undefined ? this.#filled - this.#taken : lengthBytes + this.#largeFilled
  }

  /** Where the next bytes are to be written; never empty. */
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

  /** No frame is given out any more. */
  stop(): void {
    this.#stopped = true
    this.#slab = undefined
    this.#large = undefined
    this.#taken = 0
    this.#filled = 0
  }

  /** Takes one frame out of the slab, if it is complete. */
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

  /** The old slab stays as it is, since frames given out lie in it; only the beginning of the next frame moves over. */
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

import { type DecodeError, FrameSplitter } from '@ottla/codec'

export interface FrameReaderOptions {
  readonly maxBytes: number
  readonly onFrame: (frame: Buffer) => void
  /** The bytes are no frames. `first`: the first bytes of the connection, if no frame came before. */
  readonly onError: (error: DecodeError, first: Uint8Array | undefined) => void
}

/** Splits the bytes of a socket into frames, with a limit that can be raised while a read is pending. */
export class FrameReader {
  readonly #options: FrameReaderOptions
  #splitter: FrameSplitter
  /** The last result of `space`, and the splitter that it came from. */
  #space: Uint8Array | undefined
  #spaceOf: FrameSplitter | undefined
  /** The memory of the first bytes, until the first frame is complete. */
  #first: Uint8Array | undefined
  #frames = 0

  constructor(options: FrameReaderOptions) {
    this.#options = options
    this.#splitter = this.#newSplitter(options.maxBytes)
  }

  /** Complete frames so far. */
  get frames(): number {
    return this.#frames
  }

  /** Sets the limit for the next frames; call it only between two frames. */
  raiseLimit(maxBytes: number): void {
    this.#splitter = this.#newSplitter(maxBytes)
  }

  space(): Uint8Array {
    this.#space = this.#splitter.space()
    this.#spaceOf = this.#splitter
    if (this.#frames === 0) this.#first ??= this.#space
    return this.#space
  }

  filled(size: number): void {
    if (this.#spaceOf === this.#splitter) {
      this.#splitter.filled(size)
      return
    }
    // A socket requests its memory before the read: this one did before the limit changed.
    const bytes = this.#space!.subarray(0, size)
    for (let at = 0; at < size; ) {
      const space = this.#splitter.space()
      const part = bytes.subarray(at, at + space.length)
      space.set(part)
      this.#splitter.filled(part.length)
      at += part.length
    }
  }

  /** Ignores all further bytes. */
  stop(): void {
    this.#splitter.stop()
    this.#space = undefined
    this.#first = undefined
  }

  #newSplitter(maxBytes: number): FrameSplitter {
    return new FrameSplitter({
      maxBytes,
      onFrame: (frame) => {
        this.#frames++
        this.#first = undefined
        this.#options.onFrame(frame)
      },
      onError: (error) => this.#options.onError(error, this.#first),
    })
  }
}

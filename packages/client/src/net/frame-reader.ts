import { type DecodeError, FrameSplitter } from '@ottla/codec'

export interface FrameReaderOptions {
  readonly maxBytes: number
  readonly onFrame: (frame: Buffer) => void
  /** The peer sends no frames; `first` is the beginning of what it sent if that was all it ever sent. */
  readonly onError: (error: DecodeError, first: Uint8Array | undefined) => void
}

/** Cuts what a socket reads into frames, with a limit that may rise while a read is already under way. */
export class FrameReader {
  readonly #options: FrameReaderOptions
  #splitter: FrameSplitter
  /** What `space` returned last, and which splitter gave it. */
  #space: Uint8Array | undefined
  #spaceOf: FrameSplitter | undefined
  /** Where the first bytes were read to, until the first frame is complete. */
  #first: Uint8Array | undefined
  #frames = 0

  constructor(options: FrameReaderOptions) {
    this.#options = options
    this.#splitter = this.#newSplitter(options.maxBytes)
  }

  /** Frames given out so far. */
  get frames(): number {
    return this.#frames
  }

  /** Sets the limit for what is read from now on; no frame may be incomplete. */
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
    // The space was asked for before the limit changed: a socket asks for it ahead.
    const bytes = this.#space!.subarray(0, size)
    for (let at = 0; at < size; ) {
      const space = this.#splitter.space()
      const part = bytes.subarray(at, at + space.length)
      space.set(part)
      this.#splitter.filled(part.length)
      at += part.length
    }
  }

  /** Gives out no frame any more. */
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

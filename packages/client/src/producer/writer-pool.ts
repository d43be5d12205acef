import { BatchWriter } from '@ottla/codec/records'

// Room for what a writer may need beyond the last record that fits.
const slackBytes = 64
const smallestBytes = 1024

/** Writers whose buffers nobody else can see any more, kept for the next batches. Bounded. */
export class WriterPool {
  readonly #free: BatchWriter[] = []
  readonly #maxBytes: number
  readonly #fullBytes: number
  #bytes = 0

  constructor(maxBatchBytes: number, maxBytes: number) {
    this.#fullBytes = maxBatchBytes + slackBytes
    this.#maxBytes = maxBytes
  }

  /** A writer for a batch of about `expectedBytes`. */
  take(expectedBytes: number): BatchWriter {
    const pooled = this.#free.pop()
    if (pooled !== undefined) {
      this.#bytes -= pooled.capacity
      return pooled
    }
    // Writers double: starting at a fraction of the full size they end at it, and not at twice as much.
    let initialBytes = this.#fullBytes
    while (initialBytes > smallestBytes && initialBytes / 2 >= expectedBytes) initialBytes = Math.ceil(initialBytes / 2)
    return new BatchWriter({ initialBytes })
  }

  /** Only for a writer whose bytes no socket and no retry can need again (see `contracts`: Life of bytes). */
  give(writer: BatchWriter): void {
    const { capacity } = writer
    // One that grew for a large record would stay that large for ever.
    if (capacity > this.#fullBytes * 2 || this.#bytes + capacity > this.#maxBytes) return
    writer.reset()
    this.#bytes += capacity
    this.#free.push(writer)
  }

  get pooledBytes(): number {
    return this.#bytes
  }
}

import { BatchWriter } from '@ottla/codec/records'

// For what a writer may need beyond the last record that fits.
const slackBytes = 64
const smallestBytes = 1024

/** A bounded pool of writers whose buffers nothing else refers to, for the next batches. */
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
    // Writers double: from a fraction of the full size they reach it exactly, and not twice as much.
    let initialBytes = this.#fullBytes
    while (initialBytes > smallestBytes && initialBytes / 2 >= expectedBytes) initialBytes = Math.ceil(initialBytes / 2)
    return new BatchWriter({ initialBytes })
  }

  /**
   * Only for a writer whose bytes nothing can read again: each request with them was acknowledged, and each write of them has
   * completed. A buffer that is reused while a socket or a retry still needs it would send corrupt batches.
   */
  give(writer: BatchWriter): void {
    const { capacity } = writer
    // A writer that grew for a large record would keep its size for ever.
    if (capacity > this.#fullBytes * 2 || this.#bytes + capacity > this.#maxBytes) return
    writer.reset()
    this.#bytes += capacity
    this.#free.push(writer)
  }

  get pooledBytes(): number {
    return this.#bytes
  }
}

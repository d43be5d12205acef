import type { FetchedChunk } from './fetched-chunk.ts'

interface Kept {
  readonly chunk: FetchedChunk
  /** The offset after its last batch. */
  readonly end: number
}

/** Chunks that were delivered completely, in the order of the log, for a delivery that may have to be repeated. */
export class KeptChunks {
  #kept: Kept[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  add(chunk: FetchedChunk, end: number): void {
    this.#kept.push({ chunk, end })
    this.#bytes += chunk.bytes
  }

  /** Drops what ends at or before `offset`; returns how many bytes that were. */
  dropBefore(offset: number): number {
    const before = this.#bytes
    this.#kept = this.#kept.filter(({ chunk, end }) => {
      if (end > offset) return true
      this.#bytes -= chunk.bytes
      return false
    })
    return before - this.#bytes
  }

  get chunks(): FetchedChunk[] {
    return this.#kept.map(({ chunk }) => chunk)
  }
}

export interface EpochEntry {
  readonly epoch: number
  /** The first offset written under this epoch. */
  readonly startOffset: number
}

export interface EpochEnd {
  /** -1: not known. */
  readonly epoch: number
  /** The first offset after the epoch; -1: not known. */
  readonly endOffset: number
}

const unknownEnd: EpochEnd = { epoch: -1, endOffset: -1 }

/** Which leader epoch wrote which part of a log (KIP-101): what replicas compare to find where they diverge. */
export class LeaderEpochs {
  #entries: EpochEntry[] = []

  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  /** Takes what was kept of a log that ends at `logEndOffset`. */
  restore(entries: readonly EpochEntry[], logEndOffset: number): void {
    this.#entries = [...entries]
    this.truncateFromEnd(logEndOffset)
  }

  /** -1 when nothing was written. */
  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? -1
  }

  /** The first offset of the latest epoch; -1 when nothing was written. */
  get latestStartOffset(): number {
    return this.#entries.at(-1)?.startOffset ?? -1
  }

  /** From `startOffset` on, `epoch` writes. A later or equal epoch or start that was noted before was a mistake: it goes. */
  assign(epoch: number, startOffset: number): void {
    const last = this.#entries.at(-1)
    if (last !== undefined && last.epoch === epoch && last.startOffset <= startOffset) return
    while (true) {
      const entry = this.#entries.at(-1)
      if (entry === undefined || (entry.epoch < epoch && entry.startOffset < startOffset)) break
      this.#entries.pop()
    }
    this.#entries.push({ epoch, startOffset })
  }

  /**
   * Where the largest epoch not above `epoch` ended. The latest epoch ends at the log's end; an epoch above all
   * that are known gives -1.
   */
  endOf(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch === -1 || this.#entries.length === 0) return unknownEnd
    if (epoch === this.latestEpoch) return { epoch, endOffset: logEndOffset }
    const higher = this.#entries.findIndex((entry) => entry.epoch > epoch)
    if (higher < 0) return unknownEnd
    const endOffset = this.#entries[higher]?.startOffset ?? -1
    const floor = this.#entries[higher - 1]
    return { epoch: floor?.epoch ?? epoch, endOffset }
  }

  /** The epoch that wrote `offset`; -1 when it lies before all that are known. */
  epochAt(offset: number): number {
    for (let index = this.#entries.length - 1; index >= 0; index--) {
      const entry = this.#entries[index]
      if (entry !== undefined && entry.startOffset <= offset) return entry.epoch
    }
    return -1
  }

  /** The log was cut: epochs that began at or after `offset` wrote nothing. */
  truncateFromEnd(offset: number): void {
    while ((this.#entries.at(-1)?.startOffset ?? -1) >= offset) this.#entries.pop()
  }

  /** The log now starts at `offset`; the epoch that covers it starts there. */
  truncateFromStart(offset: number): void {
    const covering = this.epochAt(offset)
    const kept = this.#entries.filter((entry) => entry.startOffset > offset)
    if (covering >= 0) kept.unshift({ epoch: covering, startOffset: offset })
    this.#entries = kept
  }

  copyFrom(other: LeaderEpochs): void {
    this.#entries = [...other.#entries]
  }

  clear(): void {
    this.#entries = []
  }
}

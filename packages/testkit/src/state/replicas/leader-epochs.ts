export interface EpochEntry {
  readonly epoch: number
  /** The first offset written under this epoch. */
  readonly startOffset: number
}

export interface EpochEnd {
  /** -1: unknown. */
  readonly epoch: number
  /** The first offset after the epoch; -1: unknown. */
  readonly endOffset: number
}

const unknownEnd: EpochEnd = { epoch: -1, endOffset: -1 }

/** Which leader epoch wrote which part of a log (KIP-101); replicas compare it to find where they diverge. */
export class LeaderEpochs {
  #entries: EpochEntry[] = []

  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  /** Restores the saved entries of a log that ends at `logEndOffset`. */
  restore(entries: readonly EpochEntry[], logEndOffset: number): void {
    this.#entries = [...entries]
    this.truncateFromEnd(logEndOffset)
  }

  /** -1 when there is no epoch. */
  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? -1
  }

  /** The first offset of the latest epoch; -1 when there is no epoch. */
  get latestStartOffset(): number {
    return this.#entries.at(-1)?.startOffset ?? -1
  }

  /** Notes that `epoch` starts at `startOffset`. Conflicting entries (epoch or start offset not smaller) are removed. */
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
   * The end of the largest epoch not above `epoch`. The latest epoch ends at the log end offset; an epoch above all known
   * ones returns -1.
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

  /** The epoch that wrote `offset`; -1 when the offset precedes all known epochs. */
  epochAt(offset: number): number {
    for (let index = this.#entries.length - 1; index >= 0; index--) {
      const entry = this.#entries[index]
      if (entry !== undefined && entry.startOffset <= offset) return entry.epoch
    }
    return -1
  }

  /** The log was truncated to `offset`: removes epochs that start at or after it. */
  truncateFromEnd(offset: number): void {
    while ((this.#entries.at(-1)?.startOffset ?? -1) >= offset) this.#entries.pop()
  }

  /** The log start offset is now `offset`: the epoch that covers it starts there. */
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

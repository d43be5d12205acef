/** What a batch means to the transactions of a log. */
export interface TransactionalPart {
  readonly kind: 'data' | 'commit' | 'abort'
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Of the coordinator that wrote a marker; -1 for data. */
  readonly coordinatorEpoch: number
}

/** A transaction of which readers of committed records have to leave out what it wrote. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
  /** Where its marker is. */
  readonly lastOffset: number
}

interface Placed {
  readonly baseOffset: number
  readonly lastOffset: number
}

interface Open {
  readonly firstOffset: number
  readonly producerEpoch: number
}

/** The transactions of one replica's log: all of it follows from the batches in the log. */
export class LogTransactions {
  readonly #open = new Map<bigint, Open>()
  /** Ended, but the marker is not below the high watermark yet: the records stay undecided until it is. */
  #unreplicated: { readonly firstOffset: number; readonly markerOffset: number }[] = []
  #aborted: AbortedTransaction[] = []
  readonly #coordinatorEpochs = new Map<bigint, number>()

  /** Notes a batch that was appended. */
  note({ kind, producerId, producerEpoch, coordinatorEpoch }: TransactionalPart, { baseOffset, lastOffset }: Placed) {
    const open = this.#open.get(producerId)
    if (kind === 'data') {
      if (open === undefined) this.#open.set(producerId, { firstOffset: baseOffset, producerEpoch })
      return
    }
    this.#coordinatorEpochs.set(producerId, coordinatorEpoch)
    // A marker without records before it ends nothing.
    if (open === undefined) return
    const { firstOffset } = open
    this.#open.delete(producerId)
    this.#unreplicated.push({ firstOffset, markerOffset: lastOffset })
    if (kind === 'abort') this.#aborted.push({ producerId, firstOffset, lastOffset })
  }

  /** The first offset of the producer's open transaction; undefined when it has none. */
  openSince(producerId: bigint): number | undefined {
    return this.#open.get(producerId)?.firstOffset
  }

  /** True when the producer has an open transaction here. */
  readonly isProducerOpen = (producerId: bigint): boolean => this.#open.has(producerId)

  /** True when a transaction of this producer and epoch has records here already: its writes were verified. */
  isOpen(producerId: bigint, producerEpoch: number): boolean {
    return this.#open.get(producerId)?.producerEpoch === producerEpoch
  }

  /** Of the coordinator that wrote the producer's last marker; -1 when there was none. */
  coordinatorEpochOf(producerId: bigint): number {
    return this.#coordinatorEpochs.get(producerId) ?? -1
  }

  /** The high watermark moved: what ended below it is decided. */
  advance(highWatermark: number): void {
    if (this.#unreplicated.length === 0) return
    this.#unreplicated = this.#unreplicated.filter(({ markerOffset }) => markerOffset >= highWatermark)
  }

  /** Below it all is decided, as far as it is below the high watermark too. */
  firstUndecided(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { firstOffset } of this.#open.values()) first = Math.min(first, firstOffset)
    for (const { firstOffset } of this.#unreplicated) first = Math.min(first, firstOffset)
    return first
  }

  /** Those with records from `from` on that begin before `upTo`. */
  abortedIn(from: number, upTo: number): AbortedTransaction[] {
    return this.#aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < upTo)
  }

  /** Records before `offset` are gone. */
  dropBefore(offset: number): void {
    this.#aborted = this.#aborted.filter(({ lastOffset }) => lastOffset >= offset)
  }

  /** Takes over what another one knows; later changes of either do not reach the other. */
  copyFrom(other: LogTransactions): void {
    this.clear()
    for (const [id, open] of other.#open) this.#open.set(id, open)
    for (const [id, epoch] of other.#coordinatorEpochs) this.#coordinatorEpochs.set(id, epoch)
    this.#unreplicated = [...other.#unreplicated]
    this.#aborted = [...other.#aborted]
  }

  clear(): void {
    this.#open.clear()
    this.#unreplicated = []
    this.#aborted = []
    this.#coordinatorEpochs.clear()
  }
}

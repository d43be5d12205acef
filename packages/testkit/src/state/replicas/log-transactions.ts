/** A batch's part in a transaction. */
export interface TransactionalPart {
  readonly kind: 'data' | 'commit' | 'abort'
  readonly producerId: bigint
  readonly producerEpoch: number
  /** The epoch of the coordinator that wrote a marker; -1 for data. */
  readonly coordinatorEpoch: number
}

/** An aborted transaction: readers with `read_committed` skip its records. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
  /** The offset of its marker. */
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

/** The transactions of one replica's log, derived from its batches. */
export class LogTransactions {
  readonly #open = new Map<bigint, Open>()
  /** Ended transactions whose marker is not below the high watermark yet: their records are undecided until it is. */
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
    // A marker of a transaction without records here.
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

  /** True when a transaction of this producer and epoch has records here: its writes were verified before. */
  isOpen(producerId: bigint, producerEpoch: number): boolean {
    return this.#open.get(producerId)?.producerEpoch === producerEpoch
  }

  /** The epoch of the coordinator that wrote the producer's last marker; -1 when there is none. */
  coordinatorEpochOf(producerId: bigint): number {
    return this.#coordinatorEpochs.get(producerId) ?? -1
  }

  /** The high watermark moved: transactions with a marker below it are decided. */
  advance(highWatermark: number): void {
    if (this.#unreplicated.length === 0) return
    this.#unreplicated = this.#unreplicated.filter(({ markerOffset }) => markerOffset >= highWatermark)
  }

  /** The first offset of an undecided transaction; Infinity when there is none. (The high watermark limits it further.) */
  firstUndecided(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { firstOffset } of this.#open.values()) first = Math.min(first, firstOffset)
    for (const { firstOffset } of this.#unreplicated) first = Math.min(first, firstOffset)
    return first
  }

  /** Aborted transactions that overlap the offsets from `from` to `upTo` (exclusive). */
  abortedIn(from: number, upTo: number): AbortedTransaction[] {
    return this.#aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < upTo)
  }

  /** Records before `offset` were deleted. */
  dropBefore(offset: number): void {
    this.#aborted = this.#aborted.filter(({ lastOffset }) => lastOffset >= offset)
  }

  /** Replaces the state with a deep copy of another one's. */
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

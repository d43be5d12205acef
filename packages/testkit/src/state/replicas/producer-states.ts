const maxSequence = 2_147_483_647
const windowSize = 5

/** A batch of an idempotent producer, as the window of recent batches keeps it. */
export interface SequencedBatch {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly timestamp: number
}

/** A producer as DescribeProducers returns it. */
export interface ProducerSummary {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** -1: no batch in this epoch. */
  readonly lastSequence: number
  readonly lastTimestamp: number
}

export type SequenceCheck =
  | { readonly verdict: 'next' }
  | { readonly verdict: 'duplicate'; readonly batch: SequencedBatch }
  | { readonly verdict: 'error'; readonly error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' | 'INVALID_PRODUCER_EPOCH' }

interface ProducerState {
  epoch: number
  /** The last batches of the epoch, oldest first; at most five. */
  window: SequencedBatch[]
  lastWrittenAtMs: number
}

/** An idempotent producer's state in a log, for inspection by tests. */
export interface ProducerStatus {
  /** In decimal: JSON has no bigint. */
  readonly producerId: string
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastOffset: number
  readonly lastTimestamp: number
}

const next: SequenceCheck = { verdict: 'next' }
const outOfOrder: SequenceCheck = { verdict: 'error', error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }

/** The sequence number of the last of `count` records that start at `baseSequence`; after 2^31-1 it wraps to 0. */
export function lastSequenceOf(baseSequence: number, count: number): number {
  const last = baseSequence + count - 1
  return last > maxSequence ? last - maxSequence - 1 : last
}

/** The idempotent producers of one replica's log, derived from its batches. */
export class ProducerStates {
  readonly #states = new Map<bigint, ProducerState>()
  #sweepAbove = 1024

  get size(): number {
    return this.#states.size
  }

  /** Whether a batch is the producer's next one, a duplicate of one of its last five, or out of order. */
  check(batch: Omit<SequencedBatch, 'baseOffset' | 'lastOffset' | 'timestamp'>): SequenceCheck {
    const { producerId, producerEpoch, baseSequence } = batch
    const state = this.#states.get(producerId)
    // For an unknown producer (all its records may have been deleted) any sequence number is accepted.
    if (state === undefined) return next
    if (producerEpoch === state.epoch) {
      const duplicate = state.window.find(
        (earlier) => earlier.baseSequence === baseSequence && earlier.lastSequence === batch.lastSequence,
      )
      if (duplicate !== undefined) return { verdict: 'duplicate', batch: duplicate }
    }
    if (producerEpoch < state.epoch) {
      return { verdict: 'error', error: 'INVALID_PRODUCER_EPOCH' }
    }
    if (producerEpoch > state.epoch) {
      if (baseSequence === 0) return next
      return outOfOrder
    }
    const last = state.window.at(-1)?.lastSequence ?? -1
    const expected = last === maxSequence ? 0 : last + 1
    if (baseSequence === expected) return next
    return outOfOrder
  }

  /** Notes an appended batch, which a leader checked or a follower copied. */
  note(batch: SequencedBatch): void {
    const state = this.#states.get(batch.producerId)
    if (state === undefined) {
      this.#states.set(batch.producerId, {
        epoch: batch.producerEpoch,
        window: [batch],
        lastWrittenAtMs: batch.timestamp,
      })
      return
    }
    if (batch.producerEpoch > state.epoch) {
      state.epoch = batch.producerEpoch
      state.window = []
    }
    state.window.push(batch)
    if (state.window.length > windowSize) state.window.shift()
    state.lastWrittenAtMs = Math.max(state.lastWrittenAtMs, batch.timestamp)
  }

  /** Notes a coordinator's batch: a marker may raise the producer's epoch, whose sequence numbers start at 0. */
  noteEpoch(producerId: bigint, producerEpoch: number, timestamp: number): void {
    const state = this.#states.get(producerId)
    if (state === undefined) {
      this.#states.set(producerId, { epoch: producerEpoch, window: [], lastWrittenAtMs: timestamp })
      return
    }
    if (producerEpoch > state.epoch) {
      state.epoch = producerEpoch
      state.window = []
    }
    state.lastWrittenAtMs = Math.max(state.lastWrittenAtMs, timestamp)
  }

  /** -1 for an unknown producer. */
  epochOf(producerId: bigint): number {
    return this.#states.get(producerId)?.epoch ?? -1
  }

  *summaries(): Generator<ProducerSummary> {
    for (const [producerId, { epoch, window, lastWrittenAtMs }] of this.#states) {
      const lastSequence = window.at(-1)?.lastSequence ?? -1
      yield { producerId, producerEpoch: epoch, lastSequence, lastTimestamp: lastWrittenAtMs }
    }
  }

  /** Like `expireNow`, but only runs above a number of producers, so that the cost per batch is negligible. */
  expire(nowMs: number, expirationMs: number, isOpen: (producerId: bigint) => boolean): void {
    if (this.#states.size < this.#sweepAbove) return
    this.expireNow(nowMs, expirationMs, isOpen)
    this.#sweepAbove = Math.max(1024, this.#states.size * 2)
  }

  /** Removes producers that wrote nothing for `expirationMs` and have no open transaction. */
  expireNow(nowMs: number, expirationMs: number, isOpen: (producerId: bigint) => boolean): void {
    for (const [producerId, state] of this.#states) {
      if (nowMs - state.lastWrittenAtMs >= expirationMs && !isOpen(producerId)) this.#states.delete(producerId)
    }
  }

  statuses(): ProducerStatus[] {
    return Array.from(this.#states, ([producerId, { epoch, window }]) => {
      const last = window.at(-1)
      return {
        producerId: String(producerId),
        producerEpoch: epoch,
        lastSequence: last?.lastSequence ?? -1,
        lastOffset: last?.lastOffset ?? -1,
        lastTimestamp: last?.timestamp ?? -1,
      }
    })
  }

  /** A producer's epoch and last offset, which compaction must preserve. */
  lastOf(producerId: bigint): { readonly epoch: number; readonly lastOffset: number | undefined } | undefined {
    const state = this.#states.get(producerId)
    return state && { epoch: state.epoch, lastOffset: state.window.at(-1)?.lastOffset }
  }

  /** Replaces the state with a deep copy of another one's. */
  copyFrom(other: ProducerStates): void {
    this.#states.clear()
    for (const [id, state] of other.#states) this.#states.set(id, { ...state, window: [...state.window] })
    this.#sweepAbove = other.#sweepAbove
  }

  clear(): void {
    this.#states.clear()
  }
}

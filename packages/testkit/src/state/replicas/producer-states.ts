const maxSequence = 2_147_483_647
const windowSize = 5

/** A batch of an idempotent producer, as the window remembers it. */
export interface SequencedBatch {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly timestamp: number
}

/** A producer as DescribeProducers tells of it. */
export interface ProducerSummary {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** -1: it wrote nothing in this epoch. */
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

/** An idempotent producer as a log knows it, for tests to look at. */
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

/** The sequence `count` records after `base` end at: after 2^31-1 comes 0. */
export function lastSequenceOf(baseSequence: number, count: number): number {
  const last = baseSequence + count - 1
  return last > maxSequence ? last - maxSequence - 1 : last
}

/** What one replica's log knows of each idempotent producer: all of it follows from the batches in the log. */
export class ProducerStates {
  readonly #states = new Map<bigint, ProducerState>()
  #sweepAbove = 1024

  get size(): number {
    return this.#states.size
  }

  /** Whether a batch may be appended: it is the next of its producer, one of its last five again, or wrong. */
  check(batch: Omit<SequencedBatch, 'baseOffset' | 'lastOffset' | 'timestamp'>): SequenceCheck {
    const { producerId, producerEpoch, baseSequence } = batch
    const state = this.#states.get(producerId)
    // Nothing is known of it: its records may all have been deleted. Any sequence is accepted.
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

  /** Notes a batch that was appended: checked by a leader, or copied from one. */
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

  /** A coordinator wrote for the producer: a marker may raise its epoch, and what it sends then starts at 0. */
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

  /** -1 for a producer that wrote nothing. */
  epochOf(producerId: bigint): number {
    return this.#states.get(producerId)?.epoch ?? -1
  }

  *summaries(): Generator<ProducerSummary> {
    for (const [producerId, { epoch, window, lastWrittenAtMs }] of this.#states) {
      const lastSequence = window.at(-1)?.lastSequence ?? -1
      yield { producerId, producerEpoch: epoch, lastSequence, lastTimestamp: lastWrittenAtMs }
    }
  }

  /** As `expireNow`; looks only when there are many, so that it costs nothing a batch. */
  expire(nowMs: number, expirationMs: number, isOpen: (producerId: bigint) => boolean): void {
    if (this.#states.size < this.#sweepAbove) return
    this.expireNow(nowMs, expirationMs, isOpen)
    this.#sweepAbove = Math.max(1024, this.#states.size * 2)
  }

  /** Forgets producers that wrote nothing for `expirationMs` and have no transaction open. */
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

  /** The epoch of a producer and the last offset it wrote: what compaction must not let go of. */
  lastOf(producerId: bigint): { readonly epoch: number; readonly lastOffset: number | undefined } | undefined {
    const state = this.#states.get(producerId)
    return state && { epoch: state.epoch, lastOffset: state.window.at(-1)?.lastOffset }
  }

  /** Takes over what another one knows; later changes of either do not reach the other. */
  copyFrom(other: ProducerStates): void {
    this.#states.clear()
    for (const [id, state] of other.#states) this.#states.set(id, { ...state, window: [...state.window] })
    this.#sweepAbove = other.#sweepAbove
  }

  clear(): void {
    this.#states.clear()
  }
}

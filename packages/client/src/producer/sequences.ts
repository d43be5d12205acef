import type { ProducerBatch } from './producer-batch.ts'
import type { Identity, ProducerIdentities } from './producer-id.ts'

const mask = 0x7fff_ffff

/** The sequence number after `count` records: after 2147483647 comes 0. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) & mask
}

/**
 * The sequence numbers of one partition (KIP-98, KIP-360). The rule behind all: a batch which the broker may have is sent again
 * only under its old number; a batch which the broker certainly does not have may get a new one. A log has no batch of a
 * producer without those before it, so once one is certainly missing, all after it are.
 */
export class Sequences {
  readonly #identities: ProducerIdentities
  #identity: Identity | undefined
  #next = 0
  /** The first batch whose number the broker certainly does not have: what follows it must begin anew. */
  #brokenAt = Number.POSITIVE_INFINITY
  /** The broker has taken a number since the last trouble, so it will refuse one that comes too early. */
  #proven = false
  /** The last batch given up while the broker may have it; -1: none. */
  #lostOrdinal = -1

  constructor(identities: ProducerIdentities) {
    this.#identities = identities
  }

  /**
   * Nothing may be sent while batches are under way. A broker takes any number from a producer it does not know: had the
   * first batch failed and the second been taken, the first could only follow after it.
   */
  get holds(): boolean {
    return this.#broken || !this.#proven || this.#lostOrdinal >= 0
  }

  get #broken(): boolean {
    return this.#brokenAt < Number.POSITIVE_INFINITY
  }

  /** Something went wrong, or the leader is another: one batch at a time until one has got through. */
  doubt(): void {
    this.#proven = false
  }

  /** Whether the partition's first waiting batch may go, when nothing is in flight: settles what numbers come next. */
  begin(queue: Iterable<ProducerBatch>): boolean {
    const first = firstOf(queue)
    if (first === undefined) return false
    // One that the broker may have goes under its old number, which also shows whether a lost one before it is there.
    if (first.baseSequence >= 0 && first.ordinal < this.#brokenAt) return true
    if (this.#lostOrdinal >= 0 && !this.#broken) this.break(first.ordinal)
    if (this.#broken) return this.#beginAnew(queue)
    const current = this.#identities.ensure()
    if (current === undefined) return false
    if (current !== this.#identity) {
      this.#identity = current
      this.#next = 0
      this.#proven = false
    }
    return true
  }

  #beginAnew(queue: Iterable<ProducerBatch>): boolean {
    const current = this.#identities.ensure()
    if (current === undefined) return false
    this.#identity = current
    this.#next = 0
    this.#brokenAt = Number.POSITIVE_INFINITY
    this.#proven = false
    this.#lostOrdinal = -1
    for (const batch of queue) unstamp(batch)
    return true
  }

  /** Gives a batch its number, if it has none. Batches come in order. */
  number(batch: ProducerBatch): void {
    if (batch.baseSequence >= 0) return
    batch.identity = this.#identity
    batch.baseSequence = this.#next
    this.#next = sequenceAfter(this.#next, batch.count)
  }

  /** The broker certainly lacks the batch of that ordinal. `entirely`: it refuses the producer id as a whole. */
  break(ordinal: number, entirely = false): void {
    this.#brokenAt = Math.min(this.#brokenAt, ordinal)
    if (this.#identity !== undefined) this.#identities.retire(this.#identity, entirely)
  }

  /** A numbered batch was given up, and nobody knows whether the broker has it. */
  lost(batch: ProducerBatch): void {
    if (batch.ordinal > this.#lostOrdinal) this.#lostOrdinal = batch.ordinal
  }

  /** The broker has a batch: so it has all before it. */
  delivered(batch: ProducerBatch): void {
    if (batch.identity === this.#identity) this.#proven = true
    if (batch.ordinal > this.#lostOrdinal) this.#lostOrdinal = -1
  }
}

function firstOf(queue: Iterable<ProducerBatch>): ProducerBatch | undefined {
  for (const batch of queue) return batch
  return undefined
}

function unstamp(batch: ProducerBatch): void {
  if (batch.baseSequence < 0) return
  batch.baseSequence = -1
  batch.identity = undefined
  batch.stamped = false
  // A socket may still hold the bytes of an earlier attempt: those stay as they are.
  if (batch.bytes !== undefined && batch.attempts > 0) batch.bytes = Buffer.from(batch.bytes)
}

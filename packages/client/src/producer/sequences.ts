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
  /** A number was used that the broker certainly does not have: what follows must begin anew under another identity. */
  #broken = false
  /** The last batch given up while the broker may have it; -1: none. */
  #lostOrdinal = -1

  constructor(identities: ProducerIdentities) {
    this.#identities = identities
  }

  /** Nothing new may be sent while batches are under way. */
  get holds(): boolean {
    return this.#broken || this.#lostOrdinal >= 0
  }

  /** Whether the partition's first waiting batch may go, when nothing is in flight: settles what numbers come next. */
  begin(queue: Iterable<ProducerBatch>): boolean {
    const first = firstOf(queue)
    if (first === undefined) return false
    if (this.#lostOrdinal >= 0 && first.baseSequence < 0) this.break()
    if (this.#broken) return this.#beginAnew(queue)
    // The next one of its old numbers will show whether the lost batch is there.
    if (first.baseSequence >= 0) return true
    const current = this.#identities.ensure()
    if (current === undefined) return false
    if (current !== this.#identity) {
      this.#identity = current
      this.#next = 0
    }
    return true
  }

  #beginAnew(queue: Iterable<ProducerBatch>): boolean {
    const current = this.#identities.ensure()
    if (current === undefined) return false
    this.#identity = current
    this.#next = 0
    this.#broken = false
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

  /** The broker certainly lacks a number that was used. `entirely`: it refuses the producer id as a whole. */
  break(entirely = false): void {
    this.#broken = true
    if (this.#identity !== undefined) this.#identities.retire(this.#identity, entirely)
  }

  /** A numbered batch was given up, and nobody knows whether the broker has it. */
  lost(batch: ProducerBatch): void {
    if (batch.ordinal > this.#lostOrdinal) this.#lostOrdinal = batch.ordinal
  }

  /** The broker has a batch: so it has all before it. */
  delivered(batch: ProducerBatch): void {
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

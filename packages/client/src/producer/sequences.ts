import type { Identity, IdentityPolicy } from './identity.ts'
import type { ProducerBatch } from './producer-batch.ts'

const mask = 0x7fff_ffff

/** The sequence number after `count` records: after 2147483647 comes 0. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) & mask
}

/**
 * The sequence numbers of one partition (KIP-98, KIP-360). The rule: a batch that the broker may have is sent again only with its
 * old number; a batch that the broker certainly does not have may get a new one. A log contains no batch of a producer without
 * those before it, so once one is certainly missing, all after it are.
 */
export class Sequences {
  readonly #identities: IdentityPolicy
  readonly #topic: string
  readonly #partition: number
  #identity: Identity | undefined
  #next = 0
  /** The ordinal of the first batch that the broker certainly does not have: from there on numbers start from 0 again. */
  #missingFrom = Number.POSITIVE_INFINITY
  /** The broker has accepted a number since the last failure, so it rejects one that is ahead of the sequence. */
  #confirmed = false
  /** The ordinal of the last batch that was abandoned while the broker may have it; -1: none. */
  #abandonedOrdinal = -1

  constructor(identities: IdentityPolicy, topic: string, partition: number) {
    this.#identities = identities
    this.#topic = topic
    this.#partition = partition
  }

  /**
   * Only one batch may be in flight. A broker accepts any number from a producer that it has no state of: if the first batch failed
   * and it accepted the second, the first could only be stored after it.
   */
  get oneAtATime(): boolean {
    return this.#anyMissing || !this.#confirmed || this.#abandonedOrdinal >= 0
  }

  get #anyMissing(): boolean {
    return this.#missingFrom < Number.POSITIVE_INFINITY
  }

  /** A batch failed, or the leader changed: one batch at a time until the broker has accepted one. */
  unconfirm(): void {
    this.#confirmed = false
  }

  /**
   * The topic was deleted and created again: the numbers of the old one do not count. But a batch that was sent by the topic's name may
   * be in the new log: the broker recognises it only by its old number.
   */
  startOver(inFlight: readonly ProducerBatch[], others: readonly ProducerBatch[]): void {
    const mayBeInNewLog =
      inFlight.some(({ sentByName, sentById }) => sentByName || !sentById) ||
      others.some(({ sentByName, maybeWritten }) => sentByName && maybeWritten)
    if (mayBeInNewLog) this.unconfirm()
    else this.markMissing(-1)
  }

  /** Whether the first waiting batch may be sent, when none is in flight. Determines the next numbers. */
  prepare(queue: Iterable<ProducerBatch>): boolean {
    const first = firstOf(queue)
    if (first === undefined) return false
    // A batch that the broker may have keeps its old number. The response also shows whether an abandoned one was stored.
    if (first.baseSequence >= 0 && first.ordinal < this.#missingFrom) return true
    if (this.#abandonedOrdinal >= 0 && !this.#anyMissing) this.markMissing(first.ordinal)
    if (this.#anyMissing) return this.#restart(queue)
    const current = this.#identities.ensure(this.#topic, this.#partition)
    if (current === undefined) return false
    if (current !== this.#identity) {
      this.#identity = current
      this.#next = 0
      this.#confirmed = false
    }
    return true
  }

  #restart(queue: Iterable<ProducerBatch>): boolean {
    const current = this.#identities.ensure(this.#topic, this.#partition)
    if (current === undefined) return false
    this.#identity = current
    this.#next = 0
    this.#missingFrom = Number.POSITIVE_INFINITY
    this.#confirmed = false
    this.#abandonedOrdinal = -1
    for (const batch of queue) unstamp(batch)
    return true
  }

  /** Assigns a number to a batch that has none. Called in the order of the batches. */
  assign(batch: ProducerBatch): void {
    if (batch.baseSequence >= 0) return
    batch.identity = this.#identity
    batch.baseSequence = this.#next
    this.#next = sequenceAfter(this.#next, batch.count)
  }

  /** The broker certainly does not have the batch of that ordinal. `entirely`: it rejects the producer id itself. */
  markMissing(ordinal: number, entirely = false): void {
    this.#missingFrom = Math.min(this.#missingFrom, ordinal)
    if (this.#identity !== undefined) this.#identities.retire(this.#identity, entirely)
  }

  /** A batch with a number is not sent again, although it is unknown whether the broker has it. */
  abandon(batch: ProducerBatch): void {
    if (batch.ordinal > this.#abandonedOrdinal) this.#abandonedOrdinal = batch.ordinal
  }

  /** The broker has a batch, and so all before it. */
  acknowledge(batch: ProducerBatch): void {
    if (batch.identity === this.#identity) this.#confirmed = true
    if (batch.ordinal > this.#abandonedOrdinal) this.#abandonedOrdinal = -1
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
  // A socket may still be writing the bytes of an earlier attempt: they must not change.
  if (batch.bytes !== undefined && batch.attempts > 0) batch.bytes = Buffer.from(batch.bytes)
}

import type { KafkaError } from '../errors.ts'
import { type Acknowledgement, ackType } from './acknowledgement.ts'
import { keyOf, type SharePartition } from './share-partition.ts'

/** An acknowledgement with its place in the order of requests. */
export interface QueuedAck {
  readonly ack: Acknowledgement
  /**
   * The broker refused it together with others of its partition: it applies all of a partition or nothing, so it is sent without
   * others to find out which one is wrong.
   */
  readonly isAlone: boolean
  /** Number of attempts that failed. */
  readonly failures: number
  /** On `monoNow`. */
  readonly notBeforeMs: number
}

/** The acknowledgements for one broker that are not sent yet. */
export class AckQueue {
  #entries: QueuedAck[] = []

  get size(): number {
    return this.#entries.length
  }

  add(ack: Acknowledgement): void {
    this.#entries.push({ ack, isAlone: false, failures: 0, notBeforeMs: 0 })
  }

  /** Those of a request that the broker did not apply. They precede the others. */
  requeue(entries: readonly QueuedAck[]): void {
    this.#entries.unshift(...entries)
  }

  hasDue(nowMs: number): boolean {
    return this.#entries.some(({ notBeforeMs }) => notBeforeMs <= nowMs)
  }

  /** Whether some that are due cannot be part of a fetch: renewals, and those of partitions that are not fetched. */
  needsOwnRequest(nowMs: number, fetched: readonly SharePartition[]): boolean {
    return this.#entries.some(
      ({ ack, notBeforeMs }) => notBeforeMs <= nowMs && (ack.type === ackType.renew || !isIn(fetched, ack.partition)),
    )
  }

  /** The first moment at which one is due. */
  get nextDueMs(): number {
    return this.#entries.reduce((least, { notBeforeMs }) => Math.min(least, notBeforeMs), Number.POSITIVE_INFINITY)
  }

  /** Those for the next request. What is not worth sending any more is settled. */
  take(nowMs: number): QueuedAck[] {
    const taken: QueuedAck[] = []
    const kept: QueuedAck[] = []
    /** Whether the partition has one that must be alone. */
    const partitions = new Map<string, boolean>()
    for (const entry of this.#entries) {
      const { ack, isAlone, notBeforeMs } = entry
      const refusal = ack.refusal(nowMs)
      if (refusal !== undefined) {
        ack.settled({ error: refusal })
        continue
      }
      const others = partitions.get(keyOf(ack.partition))
      if (notBeforeMs > nowMs || others === true || (isAlone && others === false)) {
        kept.push(entry)
        continue
      }
      partitions.set(keyOf(ack.partition), isAlone)
      taken.push(entry)
      ack.sent()
    }
    this.#entries = kept
    return taken
  }

  /** Settles all of them. */
  fail(error: KafkaError): void {
    for (const { ack } of this.#entries.splice(0)) ack.settled({ error })
  }
}

/** A partition that was assigned again is another object. */
function isIn(list: readonly SharePartition[], { topicId, partition }: SharePartition): boolean {
  return list.some((each) => each.partition === partition && each.topicId === topicId)
}

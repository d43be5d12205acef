import { BatchWriter, endTxnMarkerBatch } from '@ottla/codec/records'
import type { LogId } from './chaos-host.ts'
import type { ChaosLogs } from './chaos-logs.ts'
import type { ChaosRandom } from './chaos-random.ts'

/** A transaction with one batch in one partition. */
interface Transaction {
  readonly producerId: bigint
  readonly place: LogId
  readonly commits: boolean
  readonly endsAtMs: number
}

const keys = 6

/** The key of a record, which its value tells. */
export function keyOf(value: string): string {
  return `k${Number(value.slice(1)) % keys}`
}

/** What the producers use besides plain batches. */
export interface WriterOptions {
  readonly withTransactions: boolean
  /** Idempotent producers of one batch each: compaction that removes all its records keeps it as an empty one. */
  readonly withIdempotence: boolean
}

/** Appends records at the leaders as producers would: plain batches, idempotent ones, and transactions with their markers. */
export class ChaosWriter {
  readonly #logs: ChaosLogs
  readonly #random: ChaosRandom
  readonly #nowMs: () => number
  readonly #count: (dimension: string) => void
  readonly #begun = new Set<Transaction>()
  #nextValue = 0
  #nextProducerId = 1_000n

  constructor(logs: ChaosLogs, random: ChaosRandom, nowMs: () => number, count: (dimension: string) => void) {
    this.#logs = logs
    this.#random = random
    this.#nowMs = nowMs
    this.#count = count
  }

  /** Whether a topic that exists has an open transaction, or has no leader to say so. */
  get hasOpen(): boolean {
    return [...this.#begun].some(
      ({ place, producerId }) => this.#exists(place) && this.#logs.isOpen(place, producerId) !== false,
    )
  }

  /** One step: a batch somewhere, and the ends of transactions that are due. */
  step(places: readonly LogId[], { withTransactions, withIdempotence }: WriterOptions): void {
    const random = this.#random
    if (places.length > 0 && random.withProbability(0.9)) this.#write(random.pick(places), withIdempotence)
    if (withTransactions && places.length > 0 && random.withProbability(0.25)) this.#begin(places)
    this.end(false)
  }

  /**
   * Ends the transactions that are due, or all. A marker that a deposed leader took is lost: it is repeated while the
   * transaction is open.
   */
  end(all: boolean): void {
    for (const one of this.#begun) {
      if (!all && one.endsAtMs > this.#nowMs()) continue
      const { producerId, commits: committed, place } = one
      if (!this.#exists(place)) this.#begun.delete(one)
      else if (this.#logs.isOpen(place, producerId) === true) {
        const fields = { producerId, committed, producerEpoch: 0, coordinatorEpoch: 0, timestampMs: 1_000 }
        this.#count(committed ? 'transaction committed' : 'transaction aborted')
        this.#logs.append(place, endTxnMarkerBatch(fields))
      }
    }
  }

  #exists({ id }: LogId): boolean {
    return this.#logs.nameOf(id) !== undefined
  }

  #begin(places: readonly LogId[]): void {
    const random = this.#random
    const place = random.pick(places)
    const endsAtMs = this.#nowMs() + random.between(10, 4_000)
    const one = { producerId: this.#nextProducerId++, place, commits: random.withProbability(0.5), endsAtMs }
    const batch = this.#batch(random.whole(1, 4), { producerId: one.producerId, transactional: true })
    if (this.#logs.append(place, batch)) this.#begun.add(one)
  }

  #write(place: LogId, withIdempotence: boolean): void {
    const size = this.#random.whole(1, 6)
    const isIdempotent = withIdempotence && this.#random.withProbability(0.5)
    const producerId = isIdempotent ? this.#nextProducerId++ : -1n
    if (this.#logs.append(place, this.#batch(size, { producerId, transactional: false }))) this.#count('batch written')
  }

  #batch(size: number, producer: { readonly producerId: bigint; readonly transactional: boolean }): Uint8Array {
    const writer = new BatchWriter()
    for (let at = 0; at < size; at++) {
      const number = this.#nextValue++
      const value = `v${number}`
      writer.append(1_000 + number, keyOf(value), value, [])
    }
    const first = producer.producerId >= 0n ? 0 : -1
    return Uint8Array.from(writer.seal({ ...producer, producerEpoch: first, baseSequence: first }))
  }
}

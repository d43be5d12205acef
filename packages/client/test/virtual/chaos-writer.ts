import { BatchWriter, endTxnMarkerBatch } from '@ottla/codec/records'
import type { ChaosLogs, LogPlace } from './chaos-logs.ts'
import type { ChaosRandom } from './chaos-random.ts'

interface OpenTransaction {
  readonly producerId: bigint
  readonly places: LogPlace[]
  readonly commits: boolean
  readonly endsAtMs: number
  sequence: number
}

const keys = 6

/** Appends records at the leaders as producers would: plain batches, and transactions with their markers. */
export class ChaosWriter {
  readonly #logs: ChaosLogs
  readonly #random: ChaosRandom
  readonly #nowMs: () => number
  readonly #count: (dimension: string) => void
  readonly #open = new Set<OpenTransaction>()
  #nextValue = 0
  #nextProducerId = 1_000n

  constructor(logs: ChaosLogs, random: ChaosRandom, nowMs: () => number, count: (dimension: string) => void) {
    this.#logs = logs
    this.#random = random
    this.#nowMs = nowMs
    this.#count = count
  }

  get hasOpen(): boolean {
    return this.#open.size > 0
  }

  /** One step: a batch somewhere, and the ends of transactions that are due. */
  step(places: readonly LogPlace[], withTransactions: boolean): void {
    const random = this.#random
    if (places.length > 0 && random.chance(0.9)) this.#write(random.pick(places))
    if (withTransactions && places.length > 0 && random.chance(0.25)) this.#begin(places)
    this.end(false)
  }

  /** Ends the transactions that are due, or all. A marker is repeated until its leader takes it. */
  end(all: boolean): void {
    for (const one of this.#open) {
      if (!all && one.endsAtMs > this.#nowMs()) continue
      const { producerId, commits: committed } = one
      const fields = { producerId, committed, producerEpoch: 0, coordinatorEpoch: 0, timestampMs: 1_000 }
      const left = one.places.filter(
        (place) => this.#logs.nameOf(place.id) !== undefined && !this.#logs.append(place, endTxnMarkerBatch(fields)),
      )
      one.places.splice(0, Number.POSITIVE_INFINITY, ...left)
      if (left.length > 0) continue
      this.#open.delete(one)
      this.#count(committed ? 'transaction committed' : 'transaction aborted')
    }
  }

  #begin(places: readonly LogPlace[]): void {
    const random = this.#random
    const one: OpenTransaction = {
      producerId: this.#nextProducerId++,
      places: [],
      commits: random.chance(0.5),
      endsAtMs: this.#nowMs() + random.between(10, 4_000),
      sequence: 0,
    }
    const place = random.pick(places)
    if (!this.#logs.append(place, this.#batch(random.whole(1, 4), one.producerId))) return
    one.places.push(place)
    this.#open.add(one)
  }

  #write(place: LogPlace): void {
    const size = this.#random.whole(1, 6)
    if (this.#logs.append(place, this.#batch(size))) this.#count('batch written')
  }

  #batch(size: number, producerId = -1n): Uint8Array {
    const writer = new BatchWriter()
    for (let at = 0; at < size; at++) {
      const value = this.#nextValue++
      writer.append(1_000 + value, `k${value % keys}`, `v${value}`, [])
    }
    const isTransactional = producerId >= 0n
    const sequences = { producerEpoch: isTransactional ? 0 : -1, baseSequence: isTransactional ? 0 : -1 }
    return Uint8Array.from(writer.seal({ producerId, ...sequences, transactional: isTransactional }))
  }
}

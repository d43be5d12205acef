import type { KafkaError, Receipt } from '../../../src/index.ts'

/** What is known of the result of a record. */
export type Result = 'open' | 'acknowledged' | 'not-written' | 'unknown'

const codes: readonly Result[] = ['open', 'acknowledged', 'not-written', 'unknown']
const growth = 1 << 16

/** The records of one producer by their numbers, in the order of the calls. Millions of them take little memory. */
export class ProducerLedger {
  readonly producer: string
  sent = 0
  acknowledged = 0
  failed = 0
  #results = new Uint8Array(growth)
  #partitions = new Int16Array(growth)
  #offsets = new Float64Array(growth)

  constructor(producer: string) {
    this.producer = producer
  }

  get unsettled(): number {
    return this.sent - this.acknowledged - this.failed
  }

  /** The next record: its number, and its value, which has no spaces. */
  next(): { readonly number: number; readonly value: string } {
    const number = this.sent++
    if (number >= this.#results.length) this.#grow()
    return { number, value: `${this.producer}:${number}:${'x'.repeat(number % 50)}` }
  }

  settle(number: number, error: KafkaError | undefined, receipt: Receipt | undefined): void {
    if (this.resultOf(number) !== 'open') throw new Error(`${this.producer}:${number} is settled twice`)
    if (receipt === undefined) {
      this.failed++
      this.#results[number] = codes.indexOf(error?.outcome === 'not-written' ? 'not-written' : 'unknown')
      return
    }
    this.acknowledged++
    this.#results[number] = codes.indexOf('acknowledged')
    this.#partitions[number] = receipt.partition
    this.#offsets[number] = Number(receipt.offset ?? -1n)
  }

  resultOf(number: number): Result {
    return codes[this.#results[number] ?? 0] ?? 'open'
  }

  /** Where the receipt of an acknowledged record says that it is; the offset is -1 without one. */
  placeOf(number: number): { readonly partition: number; readonly offset: number } {
    return { partition: this.#partitions[number] ?? -1, offset: this.#offsets[number] ?? -1 }
  }

  #grow(): void {
    const length = this.#results.length * 2
    const results = new Uint8Array(length)
    const partitions = new Int16Array(length)
    const offsets = new Float64Array(length)
    results.set(this.#results)
    partitions.set(this.#partitions)
    offsets.set(this.#offsets)
    this.#results = results
    this.#partitions = partitions
    this.#offsets = offsets
  }
}

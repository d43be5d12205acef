import type { ProducerLedger } from './ledger.ts'

/** A record as another client reads it. */
export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly value: string
}

export interface ProduceVerdict {
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
  /** At another place than the receipt says. */
  readonly misplaced: number
  /** Reported as not written, and in the log. */
  readonly contradicted: number
  /** In the log, and sent by no producer of the run. */
  readonly foreign: number
  readonly unsettled: number
  /** The first findings. */
  readonly problems: readonly string[]
}

const mostProblems = 50

type Finding = Exclude<keyof ProduceVerdict, 'problems'>

/** Compares what the producers reported with a log, whose records it takes one by one. */
export class ProduceJudge {
  readonly #counts: Record<Finding, number> = {
    lost: 0,
    duplicated: 0,
    reordered: 0,
    misplaced: 0,
    contradicted: 0,
    foreign: 0,
    unsettled: 0,
  }
  readonly #problems: string[] = []
  readonly #ledgers: ReadonlyMap<string, ProducerLedger>
  readonly #seen: ReadonlyMap<string, Uint8Array>
  /** The highest number of each producer in each partition. */
  readonly #last = new Map<string, number>()

  constructor(ledgers: readonly ProducerLedger[]) {
    this.#ledgers = new Map(ledgers.map((ledger) => [ledger.producer, ledger]))
    this.#seen = new Map(ledgers.map((ledger) => [ledger.producer, new Uint8Array(ledger.sent)]))
  }

  /** In each partition in the order of the offsets. */
  take({ partition, offset, value }: ReadRecord): void {
    const [name = '', digits = ''] = value.split(':', 2)
    const number = Number(digits)
    const where = () => `${name}:${digits} in partition ${partition} at ${offset}`
    const ledger = this.#ledgers.get(name)
    const seen = this.#seen.get(name)
    if (ledger === undefined || seen === undefined || !(number < ledger.sent)) {
      this.#find('foreign', where)
      return
    }
    if (seen[number] === 1) {
      this.#find('duplicated', where)
      return
    }
    seen[number] = 1
    const line = `${name} ${partition}`
    const before = this.#last.get(line) ?? -1
    if (before > number) this.#find('reordered', () => `${where()}, after ${before}`)
    this.#last.set(line, Math.max(before, number))
    const result = ledger.resultOf(number)
    if (result === 'not-written') this.#find('contradicted', where)
    const place = ledger.placeOf(number)
    if (result === 'acknowledged' && (place.partition !== partition || place.offset !== offset)) {
      this.#find('misplaced', () => `${where()}, not in ${place.partition} at ${place.offset}`)
    }
  }

  /** How many of these records the log has. */
  seenAmong(producer: string, from: number, to: number): number {
    const seen = this.#seen.get(producer)?.subarray(from, to) ?? new Uint8Array(0)
    return seen.reduce((count, one) => count + one, 0)
  }

  /** After the last record. */
  verdict(): ProduceVerdict {
    for (const ledger of this.#ledgers.values()) {
      for (let number = 0; number < ledger.sent; number++) {
        const result = ledger.resultOf(number)
        if (result === 'open') this.#find('unsettled', () => `${ledger.producer}:${number}`)
        if (result !== 'acknowledged' || this.#seen.get(ledger.producer)?.[number] === 1) continue
        const { partition, offset } = ledger.placeOf(number)
        this.#find('lost', () => `${ledger.producer}:${number} of partition ${partition} at ${offset}`)
      }
    }
    return { ...this.#counts, problems: this.#problems }
  }

  #find(finding: Finding, what: () => string): void {
    this.#counts[finding]++
    if (this.#problems.length < mostProblems) this.#problems.push(`${finding}: ${what()}`)
  }
}

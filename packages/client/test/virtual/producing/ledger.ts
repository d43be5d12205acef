import type { KafkaError, Receipt } from '../../../src/index.ts'

/** A record that an application handed over, and what the producer reported about it. */
export interface LedgerEntry {
  readonly value: string
  readonly producer: string
  /** The position among the records of its producer, in the order of the calls. */
  readonly order: number
  readonly topic: string
  readonly partition: number | undefined
  readonly key: string | undefined
  readonly call: 'send' | 'enqueue'
  readonly acceptedMs: number
  readonly deadlineMs: number
  settledMs: number | undefined
  error: KafkaError | undefined
  receipt: Receipt | undefined
}

/** What a producer promises about its records. */
export interface Promises {
  readonly name: string
  readonly acks: 'all' | 1 | 0
  readonly idempotent: boolean
  readonly keepsOrder: boolean
}

/** All records of a run by their values, which are distinct. */
export class Ledger {
  readonly entries = new Map<string, LedgerEntry>()
  readonly producers = new Map<string, Promises>()
  readonly #nowMs: () => number
  readonly #violation: (what: string) => void
  readonly #count: (dimension: string) => void
  readonly #note: (event: string) => void
  #open = 0

  constructor(hooks: {
    nowMs(): number
    violation(what: string): void
    count(dimension: string): void
    /** Only for a run that is replayed. */
    note(event: string): void
  }) {
    this.#nowMs = hooks.nowMs
    this.#violation = hooks.violation
    this.#count = hooks.count
    this.#note = hooks.note
  }

  get openCount(): number {
    return this.#open
  }

  accept(entry: Omit<LedgerEntry, 'settledMs' | 'error' | 'receipt'>): LedgerEntry {
    const accepted = { ...entry, settledMs: undefined, error: undefined, receipt: undefined }
    this.entries.set(entry.value, accepted)
    this.#open++
    return accepted
  }

  /** A call that threw: the record was not accepted. */
  withdraw(entry: LedgerEntry, error: KafkaError): void {
    this.settle(entry, error, undefined)
  }

  settle(entry: LedgerEntry, error: KafkaError | undefined, receipt: Receipt | undefined): void {
    if (entry.settledMs !== undefined) {
      this.#violation(`${entry.value} is settled twice`)
      return
    }
    this.#open--
    entry.settledMs = this.#nowMs()
    entry.error = error
    entry.receipt = receipt
    if ((error === undefined) === (receipt === undefined)) this.#violation(`${entry.value} has no clear result`)
    if (entry.settledMs > entry.deadlineMs + graceMs) {
      const lateMs = Math.round(entry.settledMs - entry.deadlineMs)
      this.#violation(`${entry.value} is settled ${lateMs} ms after its deadline: ${error?.code ?? 'acknowledged'}`)
    }
    this.#note(
      `${entry.value.split(' ')[0]} ${entry.topic}/${entry.partition} of ${Math.round(entry.acceptedMs)}: ${error?.message ?? `${receipt?.partition} at ${receipt?.offset}`}`,
    )
    this.#count(error === undefined ? 'acknowledged' : `failed ${error.code}`)
    if (error !== undefined && error.outcome === undefined)
      this.#violation(`${entry.value}: ${error.code} has no outcome`)
  }
}

/** A settlement may be this late. */
const graceMs = 1_000

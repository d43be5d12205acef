import type { LedgerEntry } from './ledger.ts'

/** How a transaction ended, as the producer reported it. */
export type Ending = 'open' | 'committed' | 'aborted' | 'unknown'

/** One transaction of a run. */
export interface TransactionEntry {
  readonly transactionalId: string
  readonly records: LedgerEntry[]
  /** What it commits for the group of its transactionalId; undefined: nothing. */
  offset: number | undefined
  /** Of all its offsets. */
  readonly offsetTopic: string | undefined
  ending: Ending
}

/** All transactions of a run, in the order of their beginnings. */
export class TransactionLedger {
  readonly entries: TransactionEntry[] = []
  #nextOffset = 1

  begin(transactionalId: string, offsetTopic: string | undefined): TransactionEntry {
    const entry: TransactionEntry = { transactionalId, records: [], offset: undefined, offsetTopic, ending: 'open' }
    this.entries.push(entry)
    return entry
  }

  /** Offsets rise from transaction to transaction: the last one in effect shows which were committed. */
  nextOffset(): number {
    return this.#nextOffset++
  }
}

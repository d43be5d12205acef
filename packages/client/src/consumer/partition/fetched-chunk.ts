import { RecordBatchReader } from '@ottla/codec/records'
import { type AbortedTransaction, AbortedTransactions } from '../isolation.ts'

/** Record batches of one fetch response, not yet parsed. */
export class FetchedChunk {
  readonly reader: RecordBatchReader
  /** Undefined: the response has no aborted transactions. */
  readonly aborted: AbortedTransactions | undefined
  readonly #records: Uint8Array
  readonly #abortedList: readonly AbortedTransaction[]

  constructor(records: Uint8Array, aborted: readonly AbortedTransaction[] = []) {
    this.reader = new RecordBatchReader(records)
    this.aborted = aborted.length === 0 ? undefined : new AbortedTransactions(aborted)
    this.#records = records
    this.#abortedList = aborted
  }

  get bytes(): number {
    return this.#records.length
  }

  /** The same bytes, from their beginning. */
  again(): FetchedChunk {
    return new FetchedChunk(this.#records, this.#abortedList)
  }

  /** Where its first batch begins; undefined: it has none that can be read. */
  get firstOffset(): number | undefined {
    try {
      const first = new RecordBatchReader(this.#records).next()
      return first && Number(first.baseOffset)
    } catch {
      return undefined
    }
  }
}

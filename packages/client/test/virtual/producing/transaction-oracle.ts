import type { ChaosLogs } from '../chaos-logs.ts'
import { storedMarker, storedRecords } from './stored-records.ts'
import type { TransactionEntry, TransactionLedger } from './transaction-ledger.ts'

/** What a reader with read_committed sees of a record. */
type Visibility = 'committed' | 'aborted' | 'open'

export interface TransactionOracleHost {
  readonly logs: ChaosLogs
  readonly transactions: TransactionLedger
  readonly incarnations: readonly { readonly id: string; readonly topic: string; readonly partitions: number }[]
  /** Whether the logs of the topic have everything that was written to it. */
  isWhole(topic: string): boolean
  violation(what: string): void
}

/** Each transaction is whole or not visible at all, as the producer reported it, and its offsets with it. */
export class TransactionOracle {
  readonly #host: TransactionOracleHost
  readonly #visibility = new Map<string, Visibility>()

  constructor(host: TransactionOracleHost) {
    this.#host = host
    for (const { id, partitions } of host.incarnations) {
      for (let partition = 0; partition < partitions; partition++) this.#read(id, partition)
    }
  }

  /** A record is visible when the marker of its transaction commits it. */
  #read(id: string, partition: number): void {
    const open = new Map<bigint, string[]>()
    for (const { bytes, baseOffset } of this.#host.logs.stored({ id, partition })) {
      const marker = storedMarker(bytes)
      if (marker !== undefined) {
        const ended = marker.committed ? 'committed' : 'aborted'
        for (const value of open.get(marker.producerId) ?? []) this.#visibility.set(value, ended)
        open.delete(marker.producerId)
        continue
      }
      for (const { value, producerId, isTransactional } of storedRecords(bytes, baseOffset)) {
        this.#visibility.set(value, isTransactional ? 'open' : 'committed')
        if (isTransactional) open.set(producerId, [...(open.get(producerId) ?? []), value])
      }
    }
  }

  check(): void {
    const { transactions } = this.#host
    for (const entry of transactions.entries) this.#checkRecords(entry)
    for (const id of new Set(transactions.entries.map(({ transactionalId }) => transactionalId))) {
      this.#checkOffsets(transactions.entries.filter(({ transactionalId }) => transactionalId === id))
    }
  }

  #checkRecords(entry: TransactionEntry): void {
    const { violation, isWhole } = this.#host
    // A call after the end of the transaction is refused, and not a part of it.
    const records = entry.records.filter(({ topic, error }) => isWhole(topic) && error?.code !== 'INVALID_STATE')
    const visible = records.filter(({ value }) => this.#visibility.get(value) === 'committed')
    const what = `a transaction of ${entry.transactionalId} with ${records[0]?.value}`
    if (entry.ending === 'committed' && visible.length < records.length) {
      const missing = records.find((record) => !visible.includes(record))
      violation(
        `${what} is committed, but ${missing?.value} is ${this.#visibility.get(missing?.value ?? '') ?? 'lost'}`,
      )
    }
    if (entry.ending === 'aborted' && visible.length > 0) {
      violation(`${what} is aborted, but ${visible[0]?.value} is visible`)
    }
    if (entry.ending === 'unknown' && visible.length > 0 && visible.length < records.length) {
      violation(`${what} is visible in part: ${visible.length} of ${records.length} records`)
    }
    if (entry.ending === 'open') violation(`${what} never ends`)
  }

  /** The group has the offset of the last transaction that was committed, or of a later one whose end is unknown. */
  #checkOffsets(entries: readonly TransactionEntry[]): void {
    const [first] = entries
    const withOffset = entries.filter(({ offset }) => offset !== undefined)
    // Brokers delete the offsets of a deleted topic.
    const isKept = first?.offsetTopic === undefined || this.#host.isWhole(first.offsetTopic)
    if (first === undefined || withOffset.length === 0 || !isKept) return
    const group = this.#host.logs.group(first.transactionalId)
    const stored = group?.offsets.find(({ partition }) => partition === 0)
    const offset = stored === undefined ? undefined : Number(stored.offset)
    const lastCommitted = withOffset.findLastIndex(({ ending }) => ending === 'committed')
    const possible = withOffset.slice(Math.max(0, lastCommitted)).filter(({ ending }) => ending !== 'aborted')
    const isNonePossible = lastCommitted < 0
    if (offset === undefined ? isNonePossible : possible.some((entry) => entry.offset === offset)) return
    const expected = [...(isNonePossible ? ['none'] : []), ...possible.map((entry) => entry.offset)]
    this.#host.violation(`${first.transactionalId} has the offset ${offset}, not ${expected.join(' or ')}`)
  }
}

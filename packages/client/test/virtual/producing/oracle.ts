import type { LogId } from '../chaos-host.ts'
import type { ChaosLogs } from '../chaos-logs.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'
import { type StoredRecord, storedRecords } from './stored-records.ts'

/** The log of one partition of one incarnation of a topic. */
interface PartitionLog extends LogId {
  readonly topic: string
  readonly records: readonly StoredRecord[]
  /** Committed records may be missing, or its last leader is not known. */
  readonly isCut: boolean
}

export interface OracleHost {
  readonly logs: ChaosLogs
  readonly ledger: Ledger
  /** Every incarnation that a topic of the run had, in their order. */
  readonly incarnations: readonly { readonly id: string; readonly topic: string; readonly partitions: number }[]
  isCut(log: LogId): boolean
  /** Whether the topic had as many partitions all the time. */
  hadOnePlace(topic: string): boolean
  /** Whether a leader of the run has crashed or moved: acks=1 promises nothing then. */
  readonly hadFailures: boolean
  violation(what: string): void
  count(dimension: string): void
}

/**
 * Compares what the producers reported about their records with what the logs have. Reads the logs on its own: nothing of the codec
 * or of the client takes part.
 */
export class LogOracle {
  readonly #host: OracleHost
  readonly #logs: readonly PartitionLog[]
  readonly #places = new Map<string, { log: PartitionLog; record: StoredRecord }[]>()

  constructor(host: OracleHost) {
    this.#host = host
    this.#logs = host.incarnations.flatMap(({ id, topic, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => {
        const log = { id, partition }
        const batches = host.logs.stored(log)
        const records = batches.flatMap(({ bytes, baseOffset }) => storedRecords(bytes, baseOffset))
        return { id, topic, partition, records, isCut: host.isCut(log) }
      }),
    )
    for (const log of this.#logs) {
      for (const record of log.records) {
        const places = this.#places.get(record.value)
        if (places === undefined) this.#places.set(record.value, [{ log, record }])
        else places.push({ log, record })
      }
    }
  }

  check(): void {
    for (const log of this.#logs) this.#checkLog(log)
    for (const entry of this.#host.ledger.entries.values()) this.#checkEntry(entry)
    this.#checkKeys()
  }

  #checkLog({ topic, partition, records }: PartitionLog): void {
    const { ledger, violation } = this.#host
    const last = new Map<string, LedgerEntry>()
    const seen = new Set<string>()
    for (const { value, offset, key } of records) {
      const where = `${topic}/${partition} at ${offset}`
      const entry = ledger.entries.get(value)
      if (entry === undefined) {
        violation(`${where} has a record that no application has sent: ${value.slice(0, 40)}`)
        continue
      }
      if (entry.topic !== topic) violation(`${where} has ${entry.value} of topic ${entry.topic}`)
      if (entry.partition !== undefined && entry.partition !== partition) {
        violation(`${where} has ${entry.value} of partition ${entry.partition}`)
      }
      if (key !== entry.key) violation(`${where} has the key ${key} instead of ${entry.key}`)
      const promises = ledger.producers.get(entry.producer)
      // `enqueue` does not wait behind the calls of `send` that wait for space.
      const line = `${entry.producer} ${entry.call}`
      const before = last.get(line)
      if (seen.has(value)) continue
      seen.add(value)
      if (promises?.keepsOrder && before !== undefined && before.order > entry.order)
        this.#checkOrder(where, before, entry)
      if (before === undefined || before.order < entry.order) last.set(line, entry)
    }
  }

  /** A record of a partition that is gone moves behind those that its new partition has by then. */
  #checkOrder(where: string, before: LedgerEntry, entry: LedgerEntry): void {
    const { hadOnePlace, ledger, violation } = this.#host
    const isNamed = before.partition !== undefined && entry.partition !== undefined
    if (!isNamed && !hadOnePlace(entry.topic)) return
    // Without idempotence the bytes of a record that was given up may still arrive.
    const isGivenUp = entry.error !== undefined && ledger.producers.get(entry.producer)?.idempotent === false
    if (!isGivenUp) violation(`${where} has ${entry.value} after ${before.value}, which was sent later`)
  }

  #checkEntry(entry: LedgerEntry): void {
    const { ledger, violation } = this.#host
    const promises = ledger.producers.get(entry.producer)
    const places = this.#places.get(entry.value) ?? []
    if (entry.settledMs === undefined || promises === undefined) {
      violation(`${entry.value} is never settled`)
      return
    }
    if (promises.idempotent) this.#checkOnce(entry, places)
    // What a topic had that was deleted is gone with it.
    const place = places.find(({ log }) => this.#host.logs.nameOf(log.id) !== undefined)
    if (entry.error?.outcome === 'not-written' && place !== undefined) {
      const { log, record } = place
      violation(
        `${entry.value} is not-written (${entry.error.code}), but ${log.topic}/${log.partition} has it at ${record.offset}`,
      )
    }
    if (entry.receipt !== undefined) this.#checkReceipt(entry, places, promises.acks)
  }

  #checkOnce(entry: LedgerEntry, places: readonly { log: PartitionLog; record: StoredRecord }[]): void {
    const incarnations = new Set(places.map(({ log }) => log.id))
    if (places.length <= incarnations.size) return
    const where = places.map(({ log, record }) => `${log.topic}/${log.partition} at ${record.offset}`).join(', ')
    this.#host.violation(`${entry.value} is stored ${places.length} times: ${where}`)
  }

  #checkReceipt(
    { value, receipt, partition: wanted, topic }: LedgerEntry,
    places: readonly { log: PartitionLog; record: StoredRecord }[],
    acks: 'all' | 1 | 0,
  ): void {
    const { violation, count, hadFailures } = this.#host
    if (receipt === undefined) return
    const { partition, offset } = receipt
    if (receipt.topic !== topic) violation(`${value} has a receipt of topic ${receipt.topic}`)
    if (wanted !== undefined && partition !== wanted) violation(`${value} has a receipt of partition ${partition}`)
    if (acks === 0) {
      if (offset !== undefined) violation(`${value} has the offset ${offset} with acks=0`)
      return
    }
    if (acks === 1 && hadFailures) return
    const cut = this.#logs.some((log) => log.topic === topic && log.isCut && log.partition === partition)
    if (cut) return
    if (places.length === 0) violation(`${value} is acknowledged for ${topic}/${partition} at ${offset}, and lost`)
    else if (offset === undefined) count('receipt without an offset')
    else if (!places.some(({ log, record }) => log.partition === partition && BigInt(record.offset) === offset)) {
      const [{ log, record }] = places as [{ log: PartitionLog; record: StoredRecord }]
      violation(`${value} has the receipt ${partition} at ${offset}, but is in ${log.partition} at ${record.offset}`)
    }
  }

  /** All records of one key are in one partition, unless the number of partitions changed. */
  #checkKeys(): void {
    const partitions = new Map<string, number>()
    for (const { topic, partition, records } of this.#logs) {
      if (!this.#host.hadOnePlace(topic)) continue
      for (const { key } of records) {
        if (key === undefined) continue
        const known = partitions.get(`${topic} ${key}`) ?? partition
        if (known !== partition) this.#host.violation(`${topic} has ${key} in the partitions ${known} and ${partition}`)
        partitions.set(`${topic} ${key}`, partition)
      }
    }
  }
}

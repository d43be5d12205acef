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

/** Compares what the producers were told with the log: `records` are those of each partition in the order of their offsets. */
export function verdictOf(ledgers: readonly ProducerLedger[], records: Iterable<ReadRecord>): ProduceVerdict {
  const counts: Record<Finding, number> = {
    lost: 0,
    duplicated: 0,
    reordered: 0,
    misplaced: 0,
    contradicted: 0,
    foreign: 0,
    unsettled: 0,
  }
  const problems: string[] = []
  const find = (finding: Finding, what: string) => {
    counts[finding]++
    if (problems.length < mostProblems) problems.push(`${finding}: ${what}`)
  }
  const seen = new Map(ledgers.map((ledger) => [ledger.producer, new Uint8Array(ledger.sent)]))
  const byName = new Map(ledgers.map((ledger) => [ledger.producer, ledger]))
  const last = new Map<string, number>()
  for (const { partition, offset, value } of records) {
    const [name = '', digits = ''] = value.split(':')
    const number = Number(digits)
    const where = `${name}:${digits} in partition ${partition} at ${offset}`
    const ledger = byName.get(name)
    const stored = seen.get(name)
    if (ledger === undefined || stored === undefined || !(number < ledger.sent)) {
      find('foreign', where)
      continue
    }
    if (stored[number] === 1) {
      find('duplicated', where)
      continue
    }
    stored[number] = 1
    const line = `${name} ${partition}`
    const before = last.get(line) ?? -1
    if (before > number) find('reordered', `${where}, after ${before}`)
    last.set(line, Math.max(before, number))
    const result = ledger.resultOf(number)
    if (result === 'not-written') find('contradicted', where)
    const place = ledger.placeOf(number)
    if (result === 'acknowledged' && (place.partition !== partition || place.offset !== offset)) {
      find('misplaced', `${where}, not in ${place.partition} at ${place.offset}`)
    }
  }
  for (const ledger of ledgers) {
    for (let number = 0; number < ledger.sent; number++) {
      const result = ledger.resultOf(number)
      if (result === 'open') find('unsettled', `${ledger.producer}:${number}`)
      if (result === 'acknowledged' && seen.get(ledger.producer)?.[number] !== 1) {
        const { partition, offset } = ledger.placeOf(number)
        find('lost', `${ledger.producer}:${number} of partition ${partition} at ${offset}`)
      }
    }
  }
  return { ...counts, problems }
}

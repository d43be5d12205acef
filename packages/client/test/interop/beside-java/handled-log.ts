import type { Handled } from './reader.ts'

/** A record of the log. */
export type Stored = Omit<Handled, 'atMs'>

export interface Unhandled extends Stored {
  readonly when: string
}

interface Line {
  readonly records: readonly Stored[]
  /** For each record, when it and all records before it had been handled. Infinity: never. */
  readonly allAtMs: readonly number[]
}

/** When the records of each partition were handled: the judge of commits. */
export class HandledLog {
  readonly #lines = new Map<string, Line>()
  readonly #firstAtMs = new Map<string, number>()

  /** Records are known by their values, which must be unique. */
  constructor(log: readonly Stored[], handled: readonly Handled[]) {
    for (const { value, atMs } of handled) {
      const first = this.#firstAtMs.get(value)
      if (first === undefined || atMs < first) this.#firstAtMs.set(value, atMs)
    }
    const sorted = [...log].sort((a, b) => a.offset - b.offset)
    for (const [place, records] of groupBy(sorted, ({ topic, partition }) => `${topic}-${partition}`)) {
      let latest = 0
      const allAtMs = records.map(({ value }) => {
        latest = Math.max(latest, this.#firstAtMs.get(value) ?? Infinity)
        return latest
      })
      this.#lines.set(place, { records, allAtMs })
    }
  }

  /** The records that no handler has seen. */
  missing(): Stored[] {
    const all = [...this.#lines.values()].flatMap(({ records }) => records)
    return all.filter(({ value }) => !this.#firstAtMs.has(value))
  }

  /** A record below `offset` that was not handled at `atMs`, and how late it was; undefined when the commit is justified. */
  unhandledBelow(place: string, offset: number, atMs: number): Unhandled | undefined {
    const line = this.#lines.get(place)
    if (line === undefined) return undefined
    const { records, allAtMs } = line
    let low = 0
    let high = records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (records[middle]!.offset < offset) low = middle + 1
      else high = middle
    }
    if (low === 0 || allAtMs[low - 1]! <= atMs) return undefined
    const first = allAtMs.findIndex((allMs) => allMs > atMs)
    const record = records[first]!
    const lateMs = allAtMs[first]! - atMs
    return { ...record, when: lateMs === Infinity ? 'never handled' : `handled ${lateMs} ms later` }
  }
}

export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

import type { Runtime } from '@ottla/runtime'
import { type ProducerRecord, RecordEntry } from './record-input.ts'

/** Entries that are kept for the next array: memory of about 100 KiB. */
const mostKept = 1000

/** The entries for the records of one array at a time, used again for the next one: a large call allocates no object a record. */
export class EntryList {
  readonly #kept: RecordEntry[] = []
  #used = 0

  /** Reads all records, as `intercepted` returns them, each property once. Throws INVALID_ARGUMENT. The entries are valid until `clear`. */
  read(
    records: readonly ProducerRecord[],
    clock: Pick<Runtime, 'tickNow'>,
    intercepted: (record: ProducerRecord) => ProducerRecord,
  ): RecordEntry[] {
    const kept = this.#kept
    const count = records.length
    const entries = new Array<RecordEntry>(count)
    for (let position = 0; position < count; position++) {
      let entry = kept[position]
      if (entry === undefined) {
        entry = new RecordEntry()
        if (position < mostKept) kept.push(entry)
      }
      if (position < mostKept) this.#used = position + 1
      entry.read(intercepted(records[position]!), position, clock)
      entries[position] = entry
    }
    return entries
  }

  /** Keeps nothing of the records. */
  clear(): void {
    for (let at = 0; at < this.#used; at++) this.#kept[at]!.clear()
    this.#used = 0
  }
}

import { type DecodedRecord, unread } from './decoded-record.ts'

/**
 * Keys and values of a batch that is delivered as one item, decoded; without the records that a policy skipped. It holds the row that
 * was read last.
 */
export class DecodedRows implements DecodedRecord {
  readonly #keys: unknown[] = []
  readonly #values: unknown[] = []
  #skipped: Set<number> | undefined
  #row = -1

  get key(): unknown {
    return this.#row < 0 ? unread : this.#keys[this.#row]
  }

  get value(): unknown {
    return this.#row < 0 ? unread : this.#values[this.#row]
  }

  get count(): number {
    return this.#values.length
  }

  add({ key, value }: DecodedRecord): void {
    this.#keys.push(key)
    this.#values.push(value)
  }

  skip(offsetDelta: number): void {
    this.#skipped ??= new Set()
    this.#skipped.add(offsetDelta)
  }

  get hasSkipped(): boolean {
    return this.#skipped !== undefined
  }

  isSkipped(offsetDelta: number): boolean {
    return this.#skipped?.has(offsetDelta) === true
  }

  at(row: number): this {
    this.#row = row
    return this
  }
}

import type { ErrorName } from '@ottla/codec'
import type { CoordinatorLog } from './coordinator-log.ts'
import type { CoordinatorRecord } from './coordinator-record.ts'

/** The part of an operation that accepts records of any kind. */
export type RecordSink = Pick<GroupOperation<never>, 'addRecord'>

/** The changes of one request: a batch of records, and their effects once the log has appended it. */
export class GroupOperation<Change extends { readonly record: CoordinatorRecord }> {
  readonly #log: Pick<CoordinatorLog, 'write'>
  readonly #apply: (change: Change) => void
  readonly #records: CoordinatorRecord[] = []
  readonly #effects: (() => void)[] = []

  constructor(log: Pick<CoordinatorLog, 'write'>, apply: (change: Change) => void) {
    this.#log = log
    this.#apply = apply
  }

  add(...changes: readonly Change[]): void {
    for (const change of changes) this.addRecord(change.record, () => this.#apply(change))
  }

  addRecord(record: CoordinatorRecord, effect?: () => void): void {
    this.#records.push(record)
    if (effect !== undefined) this.#effects.push(effect)
  }

  /** Calls `done` once the records are replicated; without records, once all earlier ones are. */
  write(done: (error: ErrorName | undefined) => void): void {
    const appended = (): void => {
      for (const effect of this.#effects) effect()
    }
    this.#log.write(this.#records, { appended, done })
  }
}

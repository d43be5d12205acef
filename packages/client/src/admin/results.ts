import { jsonOfResult } from '../error-data.ts'
import {
  changed,
  describePartition,
  differs,
  type ErrorPlace,
  KafkaError,
  type KafkaErrorChanges,
  kafkaErrorOf,
  withStackOf,
} from '../errors.ts'

/** An entry's error, or undefined where its code says success. */
export function entryError(code: number, operation: string, where: ErrorPlace): KafkaError | undefined {
  return code === 0 ? undefined : kafkaErrorOf(code, operation, where)
}

/** Throws where the response as a whole carries an error code. */
export function checkCode(code: number, operation: string, where: ErrorPlace = {}): void {
  const error = entryError(code, operation, where)
  if (error !== undefined) throw error
}

/** Some entries of a call failed: `results` has the value or the error of each, by its name. */
export class AdminError<T = unknown> extends KafkaError {
  static override readonly name: string = 'AdminError'
  readonly results: ReadonlyMap<string, T | KafkaError>

  constructor(operation: string, results: ReadonlyMap<string, T | KafkaError>, changes: KafkaErrorChanges = {}) {
    const failed = [...results].filter((entry): entry is [string, KafkaError] => KafkaError.is(entry[1]))
    const first = failed[0]?.[1]
    const listed = failed.map(([name, error]) => `${nameOf(error) ?? name}: ${error.code}`).join(', ')
    const message = `${operation} failed for ${failed.length} of ${results.size} (${listed})`
    super(changes.code ?? first?.code ?? 'UNKNOWN_SERVER_ERROR', changes.message ?? message, {
      retriable: failed.every(([, error]) => error.retriable),
      cause: first,
      hint: 'Look at `error.results` for the value or the error of each entry.',
      ...changes,
    })
    this.results = results
  }

  override with(changes: KafkaErrorChanges): AdminError<T> {
    return differs(this, changes) ? withStackOf(this, new AdminError('', this.results, changed(this, changes))) : this
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), results: jsonOfResult(this.results) }
  }
}

function nameOf({ topic, partition }: KafkaError): string | undefined {
  return topic === undefined || partition === undefined ? undefined : describePartition({ topic, partition })
}

/** All values in order. One entry that failed alone throws its own error, else one `AdminError` holds all results. */
export function settleAll<T>(operation: string, results: ReadonlyMap<string, T | KafkaError>): T[] {
  const values: T[] = []
  let failure: KafkaError | undefined
  for (const result of results.values()) {
    if (KafkaError.is(result)) failure ??= result
    else values.push(result)
  }
  if (failure === undefined) return values
  throw results.size === 1 ? failure : new AdminError(operation, results)
}

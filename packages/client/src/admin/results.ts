import { type ErrorPlace, KafkaError, kafkaErrorOf } from '../errors.ts'

/** An entry's error, or undefined where its code says success. */
export function entryError(code: number, operation: string, where: ErrorPlace): KafkaError | undefined {
  return code === 0 ? undefined : kafkaErrorOf(code, operation, where)
}

/** Throws where the answer as a whole carries an error code. */
export function checkCode(code: number, operation: string, where: ErrorPlace = {}): void {
  const error = entryError(code, operation, where)
  if (error !== undefined) throw error
}

/** Some entries of a call succeeded and some did not: `results` holds each, by its name, as value or error. */
export class AdminError<T = unknown> extends KafkaError {
  readonly results: ReadonlyMap<string, T | KafkaError>

  constructor(operation: string, results: ReadonlyMap<string, T | KafkaError>) {
    const failed = [...results].filter((entry): entry is [string, KafkaError] => KafkaError.is(entry[1]))
    const first = failed[0]?.[1]
    const listed = failed.map(([name, error]) => `${name}: ${error.code}`).join(', ')
    super(
      first?.code ?? 'UNKNOWN_SERVER_ERROR',
      `${operation}: ${failed.length} of ${results.size} failed (${listed})`,
      {
        retriable: failed.every(([, error]) => error.retriable),
        cause: first,
      },
    )
    this.results = results
  }
}

/** All values in order; a single failed entry throws its own error, several throw one `AdminError` that holds all. */
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

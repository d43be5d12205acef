import { errorTable } from './error-table.ts'

/** The name of an error code in Kafka's protocol guide. */
export type ErrorName = (typeof errorTable)[number][1]

/** An error code of Kafka's protocol guide. */
export interface ErrorInfo {
  readonly code: number
  readonly name: ErrorName
  /** The same request may succeed later. */
  readonly retriable: boolean
  /** The client must refresh its metadata before it retries. */
  readonly refreshMetadata: boolean
  readonly message: string
}

const unknownCode = -1
let byCode: Map<number, ErrorInfo> | undefined
let codeByName: Map<ErrorName, number> | undefined

/**
 * Looks up an error code. A code of a later Kafka is returned as UNKNOWN_SERVER_ERROR, with its number in `code` and in
 * the message.
 */
export function errorOf(code: number): ErrorInfo {
  byCode ??= new Map(
    errorTable.map(([code, name, remedy, message]) => [
      code,
      { code, name, retriable: remedy !== 'none', refreshMetadata: remedy === 'refresh', message },
    ]),
  )
  return byCode.get(code) ?? { ...byCode.get(unknownCode)!, code, message: `the broker returned error code ${code}` }
}

/** The code of an error name. */
export function errorCode(name: ErrorName): number {
  codeByName ??= new Map(errorTable.map(([code, name]) => [name, code]))
  const code = codeByName.get(name)
  if (code === undefined) throw new RangeError(`Kafka has no error ${name}`)
  return code
}

/** Every error of Kafka, including NONE, ordered by code. */
export function allErrors(): readonly ErrorInfo[] {
  return errorTable.map(([code]) => errorOf(code))
}

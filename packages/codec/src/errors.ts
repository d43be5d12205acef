import { errorTable } from './error-table.ts'

/** Kafka's names of its error codes. */
export type ErrorName = (typeof errorTable)[number][1]

/** What Kafka's documents say about an error code. */
export interface ErrorInfo {
  readonly code: number
  readonly name: ErrorName
  /** The same request may succeed later. */
  readonly retriable: boolean
  /** It can succeed only after the client has asked for new metadata. */
  readonly refreshMetadata: boolean
  readonly message: string
}

const unknownCode = -1
let byCode: Map<number, ErrorInfo> | undefined
let codeByName: Map<ErrorName, number> | undefined

/**
 * What an error code means. A code of a later Kafka is told as UNKNOWN_SERVER_ERROR, with the number kept in `code` and
 * in the message.
 */
export function errorOf(code: number): ErrorInfo {
  byCode ??= new Map(
    errorTable.map(([code, name, remedy, message]) => [
      code,
      { code, name, retriable: remedy !== 'none', refreshMetadata: remedy === 'refresh', message },
    ]),
  )
  return (
    byCode.get(code) ?? { ...byCode.get(unknownCode)!, code, message: `the broker answered with error code ${code}` }
  )
}

/** The code of a name. */
export function errorCode(name: ErrorName): number {
  codeByName ??= new Map(errorTable.map(([code, name]) => [name, code]))
  const code = codeByName.get(name)
  if (code === undefined) throw new RangeError(`Kafka has no error ${name}`)
  return code
}

/** Every error of Kafka, NONE included, in the order of the codes. */
export function allErrors(): readonly ErrorInfo[] {
  return errorTable.map(([code]) => errorOf(code))
}

import { KafkaError } from '../errors.ts'
import type { SchemaIssue } from '../schema-issue.ts'
import { asynchronous, isThenable } from './serde-errors.ts'

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/**
 * A schema of any library that follows Standard Schema, version 1: zod, valibot, arktype and others. The interface of the
 * specification (https://standardschema.dev), as far as it is used here.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema accepts. */
export type SchemaInput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']

/** What a schema returns: with defaults, transformed. */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/** Refuses a schema whose type says that it is asynchronous, as valibot's do: `S & SyncSchema<S>` has no value then. */
export type SyncSchema<S extends StandardSchema> = S extends { readonly async: true }
  ? { readonly 'the schema must not be asynchronous': never }
  : ReturnType<S['~standard']['validate']> extends PromiseLike<unknown>
    ? { readonly 'the schema must not be asynchronous': never }
    : unknown

/** Throws INVALID_ARGUMENT for what is no schema. Some are functions (arktype). */
export function checkSchema(schema: unknown, caller: string): void {
  const isObject = (typeof schema === 'object' && schema !== null) || typeof schema === 'function'
  const standard = isObject ? (schema as Partial<StandardSchema>)['~standard'] : undefined
  if (standard?.version === 1 && typeof standard.validate === 'function') return
  throw new KafkaError('INVALID_ARGUMENT', `The argument of ${caller} is not a schema of Standard Schema, version 1`, {
    hint: 'Pass a schema of zod 3.24, valibot 1, arktype 2 or later.',
  })
}

/** The output of the schema. Throws what `refuse` returns for a value that does not match. */
export function validated<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  refuse: (problem: string, issues: readonly SchemaIssue[]) => KafkaError,
): Output {
  const standard = schema['~standard']
  const result = standard.validate(value)
  if (isThenable(result)) throw asynchronous(`A schema of ${standard.vendor}`, result, 'or one of its checks threw')
  const { issues } = result as Exclude<typeof result, Promise<unknown>>
  if (issues === undefined) return (result as { readonly value: Output }).value
  throw refuse(`does not match its schema${placesOf(issues)}`, issues)
}

const mostPlaces = 5

/** Where the issues are. Their messages may contain the value: they are in `error.issues` only. */
function placesOf(issues: readonly SchemaIssue[]): string {
  const places = new Set(issues.map(({ path = [] }) => pathText(path)))
  if (places.size === 0 || (places.size === 1 && places.has(''))) return ''
  const shown = [...places].slice(0, mostPlaces).map((place) => (place === '' ? 'its root' : `'${place}'`))
  const more = places.size - shown.length
  return ` at ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** As in code: `items[0].price`. */
function pathText(path: NonNullable<SchemaIssue['path']>): string {
  let text = ''
  for (const segment of path) {
    const key = typeof segment === 'object' ? segment.key : segment
    if (typeof key === 'number') text += `[${key}]`
    else text += text === '' ? String(key) : `.${String(key)}`
  }
  return text
}

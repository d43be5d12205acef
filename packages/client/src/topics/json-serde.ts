import type { KafkaError } from '../errors.ts'
import type { SchemaIssue } from '../schema-issue.ts'
import { builtIn, type Serde } from './serde.ts'
import { unreadable, unwritable } from './serde-errors.ts'
import {
  checkSchema,
  type SchemaInput,
  type SchemaOutput,
  type StandardSchema,
  type SyncSchema,
  validated,
} from './standard-schema.ts'

const writeHint = 'Pass what JSON can express: it has no bigint, no function and no circular reference.'

function write(value: unknown): string {
  let text: string | undefined
  let isWritten = true
  try {
    text = JSON.stringify(value)
  } catch {
    // The error may contain a part of the value.
    isWritten = false
  }
  if (!isWritten || text === undefined) throw unwritable('cannot be written as JSON', writeHint)
  return text
}

function read(bytes: Buffer, start: number, end: number): unknown {
  try {
    return JSON.parse(bytes.toString('utf8', start, end))
  } catch {
    // The error contains a part of the text.
    throw unreadable('is not valid JSON')
  }
}

const plain = builtIn<unknown, unknown>(write, read)

/**
 * JSON as UTF-8. With a schema of Standard Schema (zod, valibot, arktype …) a producer validates and writes the schema's input, and a
 * consumer validates and receives its output. The schema must be synchronous. `json<Order>()` validates nothing and only names the type.
 */
export function json<T = unknown>(): Serde<T>
export function json<S extends StandardSchema>(schema: S & SyncSchema<S>): Serde<SchemaInput<S>, SchemaOutput<S>>
export function json(...given: readonly [StandardSchema?]): Serde<unknown> {
  if (given.length === 0) return plain
  const [schema] = given
  checkSchema(schema, 'json()')
  return validating(schema as StandardSchema)
}

function validating(schema: StandardSchema): Serde<unknown> {
  return builtIn(
    (value) => {
      validated(schema, value, refuseToWrite)
      return write(value)
    },
    (bytes, start, end) => validated(schema, read(bytes, start, end), refuseToRead),
  )
}

function refuseToWrite(problem: string, issues: readonly SchemaIssue[]): KafkaError {
  return unwritable(problem).with({ issues })
}

function refuseToRead(problem: string, issues: readonly SchemaIssue[]): KafkaError {
  return unreadable(problem).with({ issues })
}

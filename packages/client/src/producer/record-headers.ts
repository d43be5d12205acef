import type { RecordHeader } from '@ottla/codec/records'
import type { KafkaError } from '../errors.ts'
import { nameHint } from '../name-hints.ts'
import { bytesOf, problemOfData } from './record-data.ts'

type Refuse = (problem: string, hint?: string) => KafkaError

/** Reads and checks the headers of a record, each property once. Throws what `refuse` returns. */
export function headersOf(headers: unknown, refuse: Refuse): readonly RecordHeader[] {
  if (typeof headers !== 'object' || headers === null) {
    throw refuse("has 'headers' that are not an object", "Leave 'headers' out, or pass a plain object or pairs.")
  }
  if (Array.isArray(headers)) return Array.from(headers, (header: unknown) => listed(header, refuse))
  if (!isPlain(headers)) {
    const hint = 'Pass a plain object, such as Object.fromEntries(headers), or a list of pairs, such as [...headers].'
    throw refuse("has 'headers' that are neither a plain object nor a list of pairs", hint)
  }
  const list: RecordHeader[] = []
  for (const name of Object.keys(headers)) {
    const value = (headers as Readonly<Record<string, unknown>>)[name]
    if (Array.isArray(value)) list.push(...Array.from(value, (each: unknown) => headerOf(name, each, refuse)))
    else list.push(headerOf(name, value, refuse))
  }
  return list
}

/** An object literal, also one of another realm or without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

const pairHint = 'Write each header as [name, value], or as { key, value }; null is a header without a value.'
const headerFields = ['key', 'value']

function listed(header: unknown, refuse: Refuse): RecordHeader {
  if (typeof header !== 'object' || header === null) throw refuse('has a header that is not an object', pairHint)
  if (Array.isArray(header)) {
    if (header.length !== 2) throw refuse(`has a header that is a list of ${header.length}, not a pair`, pairHint)
    return headerOf(header[0], header[1], refuse)
  }
  for (const name of Object.keys(header)) {
    if (headerFields.includes(name)) continue
    throw refuse(`has a header with an unknown field '${name}'`, nameHint('header', name, headerFields))
  }
  const { key, value } = header as { readonly key?: unknown; readonly value?: unknown }
  return headerOf(key, value, refuse)
}

function headerOf(key: unknown, given: unknown, refuse: Refuse): RecordHeader {
  if (typeof key !== 'string') throw refuse("has a header without a 'key'", pairHint)
  const value = typeof given === 'object' && given !== null ? (bytesOf(given) ?? given) : given
  if (value === undefined) throw refuse(`has a header '${key}' without a value`, 'Leave it out, or pass null.')
  if (problemOfData('header', value) === undefined) return { key, value: value as RecordHeader['value'] }
  const problem = problemOfData(`header '${key}'`, value)
  throw refuse(problem?.text ?? 'has a header that changed while it was read', problem?.hint)
}

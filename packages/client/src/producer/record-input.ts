import type { RecordHeader } from '@ottla/codec/records'
import { KafkaError } from '../errors.ts'

/** A key, a value or the value of a header: a string is encoded as UTF-8, null and undefined as Kafka's null. */
export type RecordData = string | Uint8Array | null | undefined

/**
 * Headers by name (an array for several of one name), as pairs, or as `{ key, value }`. Pairs and objects keep their order and may
 * repeat a name.
 */
export type HeadersInput =
  | { readonly [name: string]: RecordData | readonly RecordData[] }
  | readonly (readonly [key: string, value: RecordData])[]
  | readonly { readonly key: string; readonly value?: RecordData }[]

/** A record to send. Its bytes must not change until it is settled. */
export interface ProducerRecord {
  readonly topic: string
  readonly key?: RecordData
  /** null is a tombstone: it deletes the key from a compacted topic. */
  readonly value?: RecordData
  readonly headers?: HeadersInput | undefined
  /** Default: the partitioner chooses. */
  readonly partition?: number | undefined
  /** Ms since the epoch. Default: now. */
  readonly timestamp?: number | undefined
}

const noHeaders: readonly RecordHeader[] = Object.freeze([])

/**
 * Throws INVALID_ARGUMENT for an invalid record; `position` is its index in an array, -1: it is not in an array. Allocates
 * nothing: it runs for each record.
 */
export function checkRecord(record: ProducerRecord, position: number): void {
  if (typeof record !== 'object' || record === null) throw invalid(position, 'must be an object')
  const { topic, key, value, partition, timestamp, headers } = record
  if (typeof topic !== 'string' || topic === '') throw invalid(position, "needs a 'topic'")
  if (!isData(key)) throw invalid(position, `has a 'key' that is ${kindOf(key)}`, dataHint)
  if (!isData(value)) throw invalid(position, `has a 'value' that is ${kindOf(value)}`, dataHint)
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) {
    throw invalid(position, "has a 'partition' that is not an integer of at least 0")
  }
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw invalid(position, "has a 'timestamp' that is not whole milliseconds since the epoch")
  }
  if (headers !== undefined) checkHeaders(headers, position)
}

const dataHint = 'Pass a string, a Uint8Array or null; serialize objects first, for example with JSON.stringify.'

function isData(value: unknown): value is RecordData {
  return typeof value === 'string' || value === null || value === undefined || value instanceof Uint8Array
}

function checkHeaders(headers: HeadersInput, position: number): void {
  if (typeof headers !== 'object' || headers === null) throw invalid(position, "has 'headers' that are not an object")
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) {
      const values: readonly unknown[] = Array.isArray(value) ? value : [value]
      if (!values.every(isData)) throw invalid(position, `has a header '${name}' of a wrong type`, dataHint)
    }
    return
  }
  for (const header of headers as readonly unknown[]) {
    if (typeof header !== 'object' || header === null) throw invalid(position, 'has a header that is not an object')
    const [name, value] = Array.isArray(header) ? header : [(header as Loose).key, (header as Loose).value]
    if (typeof name !== 'string') throw invalid(position, "has a header without a 'key'")
    if (!isData(value)) throw invalid(position, `has a header '${name}' of a wrong type`, dataHint)
  }
}

interface Loose {
  readonly key?: unknown
  readonly value?: unknown
}

/** Checked headers in the codec's form. */
export function headersOf(headers: HeadersInput | undefined): readonly RecordHeader[] {
  if (headers === undefined) return noHeaders
  const list: RecordHeader[] = []
  if (!Array.isArray(headers)) {
    const named = headers as { readonly [name: string]: RecordData | readonly RecordData[] }
    for (const name of Object.keys(named)) {
      const value = named[name]
      if (Array.isArray(value)) for (const each of value as readonly RecordData[]) list.push(headerOf(name, each))
      else list.push(headerOf(name, value as RecordData))
    }
    return list
  }
  for (const header of headers as readonly unknown[]) {
    if (Array.isArray(header)) list.push(headerOf(header[0] as string, header[1] as RecordData))
    else list.push(headerOf((header as Loose).key as string, (header as Loose).value as RecordData))
  }
  return list
}

function headerOf(key: string, value: RecordData): RecordHeader {
  return { key, value: value ?? null }
}

function invalid(position: number, problem: string, hint?: string): KafkaError {
  const which = position < 0 ? 'The record' : `The record at index ${position}`
  return new KafkaError('INVALID_ARGUMENT', `${which} ${problem}`, { outcome: 'not-written', hint })
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

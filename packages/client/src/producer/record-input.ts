import { type RecordHeader, sizeBound } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import { KafkaError } from '../errors.ts'
import { nameHint } from '../name-hints.ts'
import { bytesOf, problemOfData } from './record-data.ts'
import { headersOf } from './record-headers.ts'
import { tightBound } from './size.ts'

/** A key, a value or the value of a header: a string is written as UTF-8, null as Kafka's null. */
export type RecordData = string | Uint8Array | null

/**
 * Headers by name (an array for several of one name), as pairs, or as `{ key, value }`. Pairs and objects keep their order and may
 * repeat a name.
 */
export type HeadersInput =
  | { readonly [name: string]: RecordData | readonly RecordData[] }
  | readonly (readonly [key: string, value: RecordData])[]
  | readonly { readonly key: string; readonly value: RecordData }[]

/** A record to send. Nothing of it is read after the call that takes it has returned. */
export interface ProducerRecord {
  readonly topic: string
  readonly key?: RecordData | undefined
  /** An explicit null is a tombstone: it deletes the key from a compacted topic. */
  readonly value: RecordData
  readonly headers?: HeadersInput | undefined
  /** Default: the partitioner chooses. */
  readonly partition?: number | undefined
  /** Ms since the epoch. Default: now. */
  readonly timestamp?: number | undefined
}

const noHeaders: readonly RecordHeader[] = Object.freeze([])

const fields = ['topic', 'key', 'value', 'headers', 'partition', 'timestamp']

/**
 * A record as it was read and checked, once. Its bytes are the caller's; those of `owned` are
 * not. A mutable object, so that calls that find space immediately use the same one for all records.
 */
export class RecordEntry {
  topic = ''
  key: string | Uint8Array | null = null
  value: string | Uint8Array | null = null
  headers: readonly RecordHeader[] = noHeaders
  partition: number | undefined = undefined
  timestampMs = 0
  /** The most bytes that it can take in a batch. */
  sizeBound = 0
  /** On `monoNow`, of a record that waits for its topic or for space; undefined: it does not wait. */
  acceptedMs: number | undefined = undefined
  #isTight = false
  #isOwned = false

  /**
   * Reads a record of the caller, each property once. Throws INVALID_ARGUMENT, also for what a getter throws, and then leaves the
   * entry unchanged. `position` is its index in an array, -1: it is not in an array.
   */
  read(record: ProducerRecord, position: number, clock: Pick<Runtime, 'tickNow'>): void {
    try {
      this.#read(record, position, clock)
    } catch (error) {
      throw KafkaError.is(error) ? error : unreadable(error, record, position)
    }
  }

  // Allocates nothing for a record without headers. All code of the caller (getters) runs before the first change of the entry:
  // it may send another record.
  #read(record: ProducerRecord, position: number, clock: Pick<Runtime, 'tickNow'>): void {
    if (typeof record !== 'object' || record === null) throw invalid(position, undefined, 'must be an object')
    for (const name in record) if (!isField(name)) refuseField(record, name, position)
    const { topic, partition, timestamp, headers: given } = record
    let { key = null, value } = record
    if (typeof topic !== 'string' || topic === '') throw invalid(position, undefined, "needs a 'topic'")
    const keyBytes = typeof key === 'object' && key !== null ? bytesOf(key) : undefined
    const valueBytes = typeof value === 'object' && value !== null ? bytesOf(value) : undefined
    if (keyBytes !== undefined) key = keyBytes
    if (valueBytes !== undefined) value = valueBytes
    if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) {
      throw invalid(position, topic, "has a 'partition' that is not an integer of at least 0")
    }
    if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
      throw invalid(position, topic, "has a 'timestamp' that is not whole milliseconds since the epoch")
    }
    const headers = given === undefined ? noHeaders : headersIn(given, position, topic)
    // Strings and bytes that are not empty need no further check.
    const keyProblem = keyBytes === undefined || keyBytes.length === 0 ? problemOfData("'key'", key) : undefined
    const problem =
      keyProblem ?? (valueBytes === undefined || valueBytes.length === 0 ? problemOfData("'value'", value) : undefined)
    if (problem !== undefined) throw invalid(position, topic, problem.text, problem.hint)
    this.sizeBound = sizeBound(key, value, headers)
    this.#isTight = false
    this.topic = topic
    this.key = key
    this.value = value
    this.headers = headers
    this.partition = partition
    this.timestampMs = timestamp ?? clock.tickNow()
  }

  /** Keeps nothing of the record. */
  clear(): void {
    this.key = null
    this.value = null
    this.headers = noHeaders
  }

  /** Makes the bound nearly exact, once: the length of each string in UTF-8 is counted. */
  tighten(): number {
    if (!this.#isTight) this.sizeBound = tightBound(this.key, this.value, this.headers)
    this.#isTight = true
    return this.sizeBound
  }

  /** A copy, bytes included, that may outlive the call, of a record accepted at this time. */
  owned(acceptedMs: number): RecordEntry {
    if (this.#isOwned) return this
    const copy = new RecordEntry()
    copy.#isOwned = true
    copy.topic = this.topic
    copy.key = ownedData(this.key)
    copy.value = ownedData(this.value)
    copy.headers = this.headers.every(({ value }) => typeof value !== 'object' || value === null)
      ? this.headers
      : this.headers.map(({ key, value }) => ({ key, value: ownedData(value) }))
    copy.partition = this.partition
    copy.timestampMs = this.timestampMs
    copy.sizeBound = this.sizeBound
    copy.#isTight = this.#isTight
    copy.acceptedMs = acceptedMs
    return copy
  }
}

/** A partitioner must see the class that the caller passed. */
function ownedData(data: RecordData): RecordData {
  if (data === null || typeof data === 'string') return data
  return Buffer.isBuffer(data) ? Buffer.from(data) : new Uint8Array(data)
}

// A closure in `#read` would cost an allocation for each record.
function headersIn(given: unknown, position: number, topic: string): readonly RecordHeader[] {
  return headersOf(given, (problem, hint) => invalid(position, topic, problem, hint))
}

function isField(name: string): boolean {
  switch (name) {
    case 'topic':
    case 'key':
    case 'value':
    case 'headers':
    case 'partition':
    case 'timestamp':
      return true
    default:
      return false
  }
}

function refuseField(record: ProducerRecord, name: string, position: number): void {
  // An inherited property is part of a class, not of the record.
  if (!Object.hasOwn(record, name)) return
  const { topic } = record
  throw invalid(position, topic, `has an unknown field '${name}'`, nameHint('record', name, fields))
}

function invalid(position: number, topic: unknown, problem: string, hint?: string): KafkaError {
  const place = typeof topic === 'string' && topic !== '' ? topic : undefined
  const which = position < 0 ? 'The record' : `The record at index ${position}`
  const where = place === undefined ? '' : ` for topic '${place}'`
  const details = { topic: place, outcome: 'not-written', hint } as const
  return new KafkaError('INVALID_ARGUMENT', `${which}${where} ${problem}`, details)
}

/** For an array that throws. */
export function unreadableInput(cause: unknown): KafkaError {
  const details = { cause, outcome: 'not-written', hint: 'Pass a record, or an array of records.' } as const
  return new KafkaError('INVALID_ARGUMENT', 'The records could not be read: one of their properties threw', details)
}

/** Code of the caller threw: a getter, or the traps of a proxy. */
function unreadable(cause: unknown, record: ProducerRecord, position: number): KafkaError {
  let topic: unknown
  try {
    topic = record.topic
  } catch {
    topic = undefined
  }
  const error = invalid(position, topic, 'could not be read: one of its properties threw')
  return error.with({ cause, hint: 'Pass an object with plain properties.' })
}

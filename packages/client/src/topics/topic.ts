import { abortedError, KafkaError, optionError } from '../errors.ts'
import { nameHint } from '../name-hints.ts'
import { checkNames } from '../option-table.ts'
import { bytesOf } from '../producer/record-data.ts'
import type { HeadersInput, ProducerRecord, RecordData } from '../producer/record-input.ts'
import { withSignal } from '../runtime/wait.ts'
import {
  type AnySerde,
  type InputOf,
  isBuiltIn,
  type SerdeContext,
  type SerdeField,
  type SyncSerde,
  writeData,
} from './serde.ts'
import { asynchronous, isThenable, kindOf, reasonOf } from './serde-errors.ts'

/** How the keys and the values of a topic are written and read. Without a serde: text or bytes are written, bytes are read. */
export interface TopicSerdes<Key extends AnySerde | undefined, Value extends AnySerde | undefined> {
  readonly key?: Key
  readonly value?: Value
}

/** The fields of a record of a typed topic. A null key is no key, a null value is a tombstone. */
export type TopicRecord<Key extends AnySerde | undefined, Value extends AnySerde | undefined> = {
  readonly value: InputOf<Value> | null
  readonly headers?: HeadersInput | undefined
  /** Default: the partitioner chooses. */
  readonly partition?: number | undefined
  /** Ms since the epoch. Default: now. */
  readonly timestamp?: number | undefined
} & (Key extends AnySerde
  ? { readonly key: InputOf<Key> | null }
  : { readonly key?: InputOf<undefined> | null | undefined })

/** A topic with the types of its records. Created by `topic()`; pass it to `kafka.consumer({ topics })`. */
export interface Topic<
  Name extends string = string,
  Key extends AnySerde | undefined = AnySerde | undefined,
  Value extends AnySerde | undefined = AnySerde | undefined,
> {
  readonly name: Name
  readonly key: Key
  readonly value: Value
  /**
   * A record for `send` and `enqueue` of producers and transactions, validated and serialised. Throws INVALID_ARGUMENT for a missing or
   * unknown field, and SERIALIZE_FAILED for a key or a value that its serde refuses; `issues` has those of a schema.
   */
  record(fields: TopicRecord<Key, Value>): ProducerRecord
  /**
   * Awaits `prepare` of its serdes, for writing. Call it once before the first record, where a serde has a `prepare`. Rejects with
   * SERIALIZE_FAILED.
   */
  ready(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
}

const brand: unique symbol = Symbol.for('ottla.Topic')
const legalName = /^[a-zA-Z0-9._-]{1,249}$/
const owner = 'topic()'
const fieldNames = ['key', 'value', 'headers', 'partition', 'timestamp']

/** Whether a value is a topic, of the ESM or the CJS build of this package. */
export function isTopic(value: unknown): value is Topic {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true
}

/**
 * A topic whose keys and values have types:
 *
 *     const orders = topic('orders', { key: string(), value: json(Order) })
 *     await producer.send(orders.record({ key: 'o-1', value: { total: 12 } }))
 *     for await (const { value } of kafka.consumer({ groupId, topics: [orders] })) …
 *
 * Throws INVALID_ARGUMENT for a name that no topic can have, INVALID_OPTION for what is no serde.
 */
export function topic<
  const Name extends string,
  Key extends AnySerde | undefined = undefined,
  Value extends AnySerde | undefined = undefined,
>(
  name: Name,
  serdes: TopicSerdes<
    Key & (Key extends AnySerde ? SyncSerde<Key> : unknown),
    Value & (Value extends AnySerde ? SyncSerde<Value> : unknown)
  >,
): Topic<Name, Key, Value> {
  if (typeof name !== 'string' || !legalName.test(name)) {
    throw new KafkaError('INVALID_ARGUMENT', 'The name passed to topic() is not one that a topic can have', {
      hint: 'Use 1 to 249 of the characters a-z, A-Z, 0-9, dot, underscore and hyphen.',
    })
  }
  if (typeof serdes !== 'object' || serdes === null) throw optionError('serdes', owner, 'must be an object')
  checkNames(owner, ['key', 'value'], serdes)
  const key = new FieldWriter(name, 'key', checked(serdes.key, 'key'))
  const value = new FieldWriter(name, 'value', checked(serdes.value, 'value'))
  const created: Topic<Name, AnySerde | undefined, AnySerde | undefined> = {
    name,
    key: key.serde,
    value: value.serde,
    record: (fields) => recordOf(name, key, value, fields),
    ready: async ({ signal } = {}) => {
      await Promise.all([key.prepare(signal), value.prepare(signal)])
    },
  }
  Object.defineProperty(created, brand, { value: true })
  return Object.freeze(created) as Topic<Name, Key, Value>
}

function checked(serde: unknown, field: SerdeField): AnySerde | undefined {
  if (serde === undefined) return undefined
  const { serialize, deserialize } = (typeof serde === 'object' && serde !== null ? serde : {}) as Partial<AnySerde>
  if (typeof serialize === 'function' && typeof deserialize === 'function') return serde as AnySerde
  const hint = 'Pass string(), json(schema), bytes(), int32() and so on, or an object with serialize and deserialize.'
  throw optionError(field, owner, 'must be a serde', hint)
}

interface GivenFields {
  readonly key?: unknown
  readonly value?: unknown
  readonly headers?: HeadersInput | undefined
  readonly partition?: number | undefined
  readonly timestamp?: number | undefined
}

function recordOf(topicName: string, key: FieldWriter, value: FieldWriter, fields: GivenFields): ProducerRecord {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw invalid(topicName, `must be an object, not ${kindOf(fields)}`)
  }
  for (const name of Object.keys(fields)) {
    if (!fieldNames.includes(name)) {
      throw invalid(topicName, `has an unknown field '${name}'`, nameHint('record', name, fieldNames))
    }
  }
  const { headers, partition, timestamp } = fields
  return {
    topic: topicName,
    key: key.write(fields.key),
    value: value.write(fields.value),
    headers,
    partition,
    timestamp,
  }
}

function invalid(topicName: string, problem: string, hint?: string): KafkaError {
  const message = `The record for topic '${topicName}' ${problem}`
  return new KafkaError('INVALID_ARGUMENT', message, { topic: topicName, outcome: 'not-written', hint })
}

/** Writes the keys or the values of one topic. */
class FieldWriter {
  readonly serde: AnySerde | undefined
  readonly #context: SerdeContext

  constructor(topicName: string, field: SerdeField, serde: AnySerde | undefined) {
    this.serde = serde
    this.#context = Object.freeze({ topic: topicName, field })
  }

  write(value: unknown): RecordData {
    const { serde } = this
    if (value === null) return null
    if (value === undefined) return this.#missing()
    // The producer checks it.
    if (serde === undefined) return value as RecordData
    try {
      return isBuiltIn(serde) ? serde[writeData](value as never) : this.#serialized(serde, value)
    } catch (cause) {
      throw this.#failed('Serializing', cause)
    }
  }

  async prepare(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const operation = 'Preparing the serde of'
    if (signal.aborted) throw abortedError(operation, signal)
    try {
      const pending = this.serde?.prepare?.({ ...this.#context, purpose: 'write', data: [], signal })
      if (pending !== undefined) await withSignal(Promise.resolve(pending), signal)
    } catch (cause) {
      if (signal.aborted) throw abortedError(operation, signal)
      throw this.#failed(operation, cause).with({ retriable: true })
    }
  }

  #missing(): null {
    const { topic: name, field } = this.#context
    if (field === 'key' && this.serde === undefined) return null
    const what = field === 'key' ? 'a record without a key' : 'a tombstone'
    throw invalid(name, `has no '${field}'`, `Pass an explicit null for ${what}.`)
  }

  #serialized(serde: AnySerde, value: unknown): Uint8Array {
    const result: unknown = serde.serialize(value as never, this.#context)
    const bytes = typeof result === 'object' && result !== null ? bytesOf(result) : undefined
    if (bytes !== undefined) return bytes
    if (isThenable(result)) throw asynchronous('serialize() of a serde', result)
    throw new KafkaError('SERIALIZE_FAILED', `The serde returned ${kindOf(result)}, not a Uint8Array`)
  }

  #failed(operation: string, cause: unknown): KafkaError {
    const { topic: name, field } = this.#context
    const message = `${operation} the ${field} for topic '${name}' failed: ${reasonOf(cause, 'serde')}`
    if (!KafkaError.is(cause))
      return new KafkaError('SERIALIZE_FAILED', message, { cause, topic: name, outcome: 'not-written' })
    return cause.with({ message, topic: name, outcome: 'not-written' })
  }
}

import { type RecordCursor, readHeaders } from '@ottla/codec/records'
import {
  type AnySerde,
  bufferOf,
  type DeserializeContext,
  isBuiltIn,
  readSlice,
  type SerdeField,
} from '../../topics/serde.ts'
import { asynchronous, isThenable } from '../../topics/serde-errors.ts'
import type { Fault } from './decode-error.ts'
import { type DecodedRecord, unread } from './decoded-record.ts'
import type { DecodedRows } from './decoded-rows.ts'
import { beginPreparation, type Preparation, type PreparationHost, type PreparedField } from './preparation.ts'

/** How the records of a topic are read. */
export interface TypedTopic {
  readonly name: string
  readonly key: AnySerde | undefined
  readonly value: AnySerde | undefined
}

/** A batch, as far as its preparation needs it. */
interface Walked {
  walk(): { next(): boolean; readonly records: RecordCursor }
}

/** Why a reader leaves a batch before its end: it continues later, or it waits until a bad record is disposed of. */
export type Stop = 'continues' | 'held'

/** Decodes the records of one assigned partition of a typed topic. It holds the record that was decoded last. */
export class RecordDecoder implements DecodedRecord {
  readonly serdes: TypedTopic
  key: unknown = unread
  value: unknown = unread
  readonly #key: FieldReader | undefined
  readonly #value: FieldReader | undefined
  readonly #context: ReadContext
  #stop: Stop | undefined
  #rows: DecodedRows | undefined
  readonly #host: PreparationHost

  constructor(serdes: TypedTopic, partition: number, host: PreparationHost) {
    this.serdes = serdes
    this.#host = host
    this.#context = new ReadContext(serdes.name, partition)
    this.#key = serdes.key && new FieldReader(serdes.key, 'key', this.#context)
    this.#value = serdes.value && new FieldReader(serdes.value, 'value', this.#context)
  }

  /** Decodes the record at which the cursor stopped. Returns what is wrong with it; undefined: nothing. */
  decode(records: RecordCursor, baseOffset: number): Fault | undefined {
    this.#context.move(records, baseOffset)
    let field: SerdeField = 'key'
    try {
      if (this.#key !== undefined) this.key = this.#key.read(records.bytes, records.keyStart, records.keyLength)
      field = 'value'
      if (this.#value !== undefined) {
        this.value = this.#value.read(records.bytes, records.valueStart, records.valueLength)
      }
      return undefined
    } catch (cause) {
      return { field, cause }
    } finally {
      this.#context.leave()
    }
  }

  /** What has to be known before the batch can be read; undefined: nothing is missing. */
  prepare(batch: Walked): Preparation | undefined {
    const { key, value, name: topic } = this.serdes
    if (key?.prepare === undefined && value?.prepare === undefined) return undefined
    const fields: PreparedField[] = []
    if (key?.prepare !== undefined) fields.push({ field: 'key', serde: key, data: dataOf(batch, 'key') })
    if (value?.prepare !== undefined) fields.push({ field: 'value', serde: value, data: dataOf(batch, 'value') })
    return beginPreparation({ topic, partition: this.#context.partition }, fields, this.#host)
  }

  /** Keeps nothing of the record that was decoded last: it may be large, and the partition idle. */
  clear(): void {
    this.key = unread
    this.value = unread
  }

  /** The rows of the batch that is delivered next. */
  keepRows(rows: DecodedRows): void {
    this.#rows = rows
  }

  takeRows(): DecodedRows | undefined {
    const rows = this.#rows
    this.#rows = undefined
    return rows
  }

  /** The reader of the partition's batch leaves it before its end. */
  stop(how: Stop): void {
    this.#stop = how
  }

  /** Whether the reader left the batch before its end; asked once. */
  takeStop(): Stop | undefined {
    const stop = this.#stop
    this.#stop = undefined
    return stop
  }
}

/** The keys or values of a batch that are not null. It can be iterated repeatedly. */
function dataOf(batch: Walked, field: SerdeField): Iterable<Buffer> {
  return {
    *[Symbol.iterator]() {
      const walk = batch.walk()
      const { records } = walk
      while (advances(walk)) {
        const start = field === 'key' ? records.keyStart : records.valueStart
        const length = field === 'key' ? records.keyLength : records.valueLength
        const { buffer, byteOffset } = records.bytes
        if (length >= 0) yield Buffer.from(buffer, byteOffset + start, length)
      }
    },
  }
}

/** Records from a damaged one on are not delivered. */
function advances(walk: { next(): boolean }): boolean {
  try {
    return walk.next()
  } catch {
    return false
  }
}

/** Reads the keys or the values. */
class FieldReader {
  readonly #slice: ((bytes: Buffer, start: number, end: number) => unknown) | undefined
  readonly #serde: AnySerde
  readonly #field: SerdeField
  readonly #context: ReadContext

  constructor(serde: AnySerde, field: SerdeField, context: ReadContext) {
    this.#slice = isBuiltIn(serde) ? serde[readSlice] : undefined
    this.#serde = serde
    this.#field = field
    this.#context = context
  }

  read(bytes: Uint8Array, start: number, length: number): unknown {
    if (length < 0) return null
    if (this.#slice !== undefined) return this.#slice(bufferOf(bytes), start, start + length)
    const view = Buffer.from(bytes.buffer, bytes.byteOffset + start, length)
    const result = this.#serde.deserialize(view, this.#context.of(this.#field))
    if (isThenable(result)) throw asynchronous('deserialize() of a serde', result)
    return result
  }
}

/** The context of all records of a partition, of one at a time. */
class ReadContext implements DeserializeContext {
  readonly topic: string
  readonly partition: number
  #field: SerdeField = 'key'
  #records: RecordCursor | undefined
  #baseOffset = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get field(): SerdeField {
    return this.#field
  }

  get offset(): bigint {
    return BigInt(this.#baseOffset + (this.#records?.offsetDelta ?? 0))
  }

  get headers(): DeserializeContext['headers'] {
    const records = this.#records
    return records === undefined ? [] : readHeaders(records.bytes, records.headersStart, records.headerCount)
  }

  move(records: RecordCursor, baseOffset: number): void {
    this.#records = records
    this.#baseOffset = baseOffset
  }

  /** Valid during the call only: the bytes must not be kept. */
  leave(): void {
    this.#records = undefined
  }

  of(field: SerdeField): this {
    this.#field = field
    return this
  }
}

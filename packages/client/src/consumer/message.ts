import { type RecordCursor, type RecordHeaderView, readHeaders } from '@ottla/codec/records'
import { jsonOfResult } from '../error-data.ts'
import { type Origin, originOf } from '../group/origin.ts'
import { decodeError } from './decoding/decode-error.ts'
import { type DecodedRecord, unread } from './decoding/decoded-record.ts'
import type { DecodedRows } from './decoding/decoded-rows.ts'
import { type ItemPlace, originAt, type RecordOrigin, type RecordSource } from './item-place.ts'
import type { AssignedPartition } from './partition/assigned-partition.ts'
import type { FetchedBatch, Selection } from './partition/fetched-batch.ts'

const noHeaders: readonly RecordHeaderView[] = Object.freeze([])
const inspect = Symbol.for('nodejs.util.inspect.custom')

const bytesOnly: DecodedRecord = Object.freeze({ key: unread, value: unread })
/** Where the parts of one record are in its bytes. */
export type RecordParts = Pick<
  RecordCursor,
  | 'bytes'
  | 'offsetDelta'
  | 'timestampDelta'
  | 'keyStart'
  | 'keyLength'
  | 'valueStart'
  | 'valueLength'
  | 'headersStart'
  | 'headerCount'
>

/** The contents of a message, independent of the fetched bytes. */
export interface DetachedMessage<Name extends string = string, Key = Buffer | null, Value = Buffer | null> {
  readonly topic: Name
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
  readonly key: Key
  readonly value: Value
  readonly headers: readonly RecordHeaderView[]
  readonly leaderEpoch: number
}

/** A message of any topic. */
export type AnyMessage = Message<string, unknown, unknown>

/** The batches of messages: where these are of several topics, `batch.topic` distinguishes them too. */
export type BatchOf<M extends AnyMessage> = M extends AnyMessage ? MessageBatch<M> : never

/**
 * A consumed record. Its fields are decoded from the fetched bytes on first access, so a retained message keeps these
 * bytes (up to a whole fetch response) in memory; `detach()` returns a copy that does not. The key and the value of a typed topic are
 * decoded by its serdes before delivery.
 */
export class Message<Name extends string = string, Key = Buffer | null, Value = Buffer | null> {
  readonly #batch: RecordSource
  readonly #bytes: Uint8Array
  readonly #offsetDelta: number
  readonly #timestampDelta: number
  readonly #keyStart: number
  readonly #keyLength: number
  readonly #valueStart: number
  readonly #valueLength: number
  readonly #headersStart: number
  readonly #headerCount: number
  #key: unknown
  #value: unknown

  /** @internal */
  constructor(batch: RecordSource, records: RecordParts, decoded: DecodedRecord | undefined = batch.decoder) {
    this.#batch = batch
    this.#bytes = records.bytes
    this.#offsetDelta = records.offsetDelta
    this.#timestampDelta = records.timestampDelta
    this.#keyStart = records.keyStart
    this.#keyLength = records.keyLength
    this.#valueStart = records.valueStart
    this.#valueLength = records.valueLength
    this.#headersStart = records.headersStart
    this.#headerCount = records.headerCount
    this.#key = decoded === undefined ? unread : decoded.key
    this.#value = decoded === undefined ? unread : decoded.value
  }

  get topic(): Name {
    return this.#batch.owner.topic as Name
  }

  get partition(): number {
    return this.#batch.owner.partition
  }

  get offset(): bigint {
    return BigInt(this.#batch.baseOffset + this.#offsetDelta)
  }

  /** In ms since the epoch: the producer's or the broker's time, depending on the topic's `message.timestamp.type`. */
  get timestamp(): number {
    const { fixedTimestamp, baseTimestamp } = this.#batch
    return fixedTimestamp ? baseTimestamp : baseTimestamp + this.#timestampDelta
  }

  get timestampType(): 'create' | 'append' {
    return this.#batch.fixedTimestamp ? 'append' : 'create'
  }

  /** A view into the fetched bytes; of a typed topic what its serde read. */
  get key(): Key {
    if (this.#key === unread) this.#key = this.keyBytes
    return this.#key as Key
  }

  /** A view into the fetched bytes; of a typed topic what its serde read. Null is a tombstone. */
  get value(): Value {
    if (this.#value === unread) this.#value = this.valueBytes
    return this.#value as Value
  }

  /** The key as it was written, whatever the type of the topic: a view into the fetched bytes. */
  get keyBytes(): Buffer | null {
    return view(this.#bytes, this.#keyStart, this.#keyLength)
  }

  /** The value as it was written, whatever the type of the topic: a view into the fetched bytes. */
  get valueBytes(): Buffer | null {
    return view(this.#bytes, this.#valueStart, this.#valueLength)
  }

  /** In the order as written; a key may occur several times. */
  get headers(): readonly RecordHeaderView[] {
    return this.#headerCount === 0 ? noHeaders : readHeaders(this.#bytes, this.#headersStart, this.#headerCount)
  }

  /** The value of the last header with this name. */
  header(name: string): Buffer | null | undefined {
    return this.headers.findLast(({ key }) => key === name)?.value
  }

  /** The epoch of the leader that appended the record; -1 if unknown. */
  get leaderEpoch(): number {
    return this.#batch.leaderEpoch
  }

  /** Aborts when the partition is revoked, when processing exceeds `maxProcessingMs`, and on close. */
  get signal(): AbortSignal {
    return this.#batch.signal
  }

  /** A copy without references to the fetched bytes. Bytes inside of what a serde returned are not copied. */
  detach(): DetachedMessage<Name, Key, Value> {
    const { topic, partition, offset, timestamp, leaderEpoch, key, value } = this
    return {
      topic,
      partition,
      offset,
      timestamp,
      key: copied(key),
      value: copied(value),
      headers: this.headers.map((header) => ({ key: header.key, value: header.value && Buffer.from(header.value) })),
      leaderEpoch,
    }
  }

  toJSON(): Record<string, unknown> {
    const { topic, partition, timestamp, key, value, leaderEpoch } = this
    const headers = this.headers.map((header) => ({ key: header.key, value: text(header.value) }))
    return {
      topic,
      partition,
      offset: String(this.offset),
      timestamp,
      key: shown(key),
      value: shown(value),
      headers,
      leaderEpoch,
    }
  }

  [inspect](): Record<string, unknown> {
    return this.toJSON()
  }

  /** For `transaction.sendOffsets`. */
  [originOf](): Origin {
    return originAt(Message.placeOf(this))
  }

  /** The offsets that the message takes in its batch, to mark it as processed. Records of share groups are no messages. @internal */
  static placeOf(message: AnyMessage): ItemPlace {
    const batch = message.#batch as RecordOrigin
    const start = batch.baseOffset + message.#offsetDelta
    return { batch, start, end: start + 1 }
  }

  /** The record at the cursor as bytes, whatever the type of the topic. @internal */
  static undecoded(batch: FetchedBatch<AssignedPartition>, records: RecordCursor): Message {
    return new Message(batch, records, bytesOnly)
  }
}

/** The records of one record batch. It can be iterated repeatedly. */
export class MessageBatch<M extends AnyMessage = Message> implements Iterable<M> {
  readonly #batch: FetchedBatch<AssignedPartition>
  readonly #commit: (batch: MessageBatch<AnyMessage>) => Promise<void>
  readonly #selection: Selection
  /** Keys and values of a typed topic. */
  readonly #rows: DecodedRows | undefined
  readonly firstOffset: bigint
  /** The last offset of the batch as written; compaction may have removed the record. */
  readonly lastOffset: bigint
  /** The high watermark as of the fetch. */
  readonly highWatermark: bigint

  /** @internal */
  constructor(batch: FetchedBatch<AssignedPartition>, commit: (batch: MessageBatch<AnyMessage>) => Promise<void>) {
    this.#batch = batch
    this.#commit = commit
    this.#selection = batch.selection
    this.#rows = batch.decoder?.takeRows()
    this.firstOffset = BigInt(batch.firstOffset)
    this.lastOffset = BigInt(batch.itemEnd - 1)
    this.highWatermark = BigInt(Math.max(batch.owner.highWatermark, batch.end))
  }

  get topic(): M['topic'] {
    return this.#batch.owner.topic
  }

  get partition(): number {
    return this.#batch.owner.partition
  }

  /** Number of records in the batch, including those before a position in its middle. */
  get recordCount(): number {
    return this.#batch.batch.recordCount
  }

  get leaderEpoch(): number {
    return this.#batch.leaderEpoch
  }

  /** Aborts when the partition is revoked, when processing exceeds `maxProcessingMs`, and on close. */
  get signal(): AbortSignal {
    return this.#batch.owner.signal
  }

  *[Symbol.iterator](): Generator<M, void, void> {
    const walk = this.#batch.walk(this.#selection)
    const rows = this.#rows
    if (rows === undefined) {
      while (walk.next()) yield this.#decoded(walk.records)
      return
    }
    for (let row = 0; walk.next(); ) {
      if (rows.isSkipped(walk.records.offsetDelta)) continue
      yield new Message(this.#batch, walk.records, rows.at(row++)) as AnyMessage as M
    }
  }

  #decoded(records: RecordCursor): M {
    const batch = this.#batch
    const fault = batch.decoder?.decode(records, batch.baseOffset)
    if (fault !== undefined) throw decodeError(batch, records.offsetDelta, fault)
    return new Message(batch, records) as AnyMessage as M
  }

  /**
   * Calls `visit` with the position of each record in the bytes, without an object per record. Records that a policy skipped are left
   * out.
   */
  walk(visit: (records: RecordCursor, baseOffset: number) => void): void {
    const walk = this.#batch.walk(this.#selection)
    while (walk.next()) {
      if (this.#rows?.isSkipped(walk.records.offsetDelta) !== true) visit(walk.records, this.#batch.baseOffset)
    }
  }

  /** Marks the batch as processed and commits. */
  commit(): Promise<void> {
    return this.#commit(this)
  }

  /** For `transaction.sendOffsets`. */
  [originOf](): Origin {
    return originAt(MessageBatch.placeOf(this))
  }

  /** @internal */
  static placeOf(item: MessageBatch<AnyMessage>): ItemPlace {
    const { from, end } = item.#selection
    return { batch: item.#batch, start: from, end }
  }
}

function view(bytes: Uint8Array, start: number, length: number): Buffer | null {
  return length < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + start, length)
}

function text(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('utf8')
}

/** For JSON: bytes as text, and what JSON lacks as far as it is known here. */
function shown(data: unknown): unknown {
  return data instanceof Uint8Array ? Buffer.from(data).toString('utf8') : jsonOfResult(data)
}

function copied<T>(data: T): T {
  return Buffer.isBuffer(data) ? (Buffer.from(data) as T & Buffer) : data
}

import { type RecordCursor, type RecordHeaderView, readHeaders } from '@ottla/codec/records'
import type { Cursor } from './cursor.ts'
import type { FetchedBatch } from './fetched-batch.ts'

const noHeaders: readonly RecordHeaderView[] = Object.freeze([])
const inspect = Symbol.for('nodejs.util.inspect.custom')

/** The contents of a message, independent of the fetched bytes. */
export interface DetachedMessage {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeaderView[]
  readonly leaderEpoch: number
}

/**
 * A consumed record. Its fields are decoded from the fetched bytes on first access, so a retained message keeps these
 * bytes (up to a whole fetch response) in memory; `detach()` returns a copy that does not.
 */
export class Message {
  readonly #batch: FetchedBatch<Cursor>
  readonly #bytes: Uint8Array
  readonly #offsetDelta: number
  readonly #timestampDelta: number
  readonly #keyStart: number
  readonly #keyLength: number
  readonly #valueStart: number
  readonly #valueLength: number
  readonly #headersStart: number
  readonly #headerCount: number
  #key: Buffer | null | undefined
  #value: Buffer | null | undefined

  /** @internal */
  constructor(batch: FetchedBatch<Cursor>, records: RecordCursor) {
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
    this.#key = undefined
    this.#value = undefined
  }

  get topic(): string {
    return this.#batch.cursor.topic
  }

  get partition(): number {
    return this.#batch.cursor.partition
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

  /** A view into the fetched bytes. */
  get key(): Buffer | null {
    if (this.#key === undefined) this.#key = view(this.#bytes, this.#keyStart, this.#keyLength)
    return this.#key
  }

  /** A view into the fetched bytes; null is a tombstone. */
  get value(): Buffer | null {
    if (this.#value === undefined) this.#value = view(this.#bytes, this.#valueStart, this.#valueLength)
    return this.#value
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
    return this.#batch.cursor.signal
  }

  /** A copy without references to the fetched bytes. */
  detach(): DetachedMessage {
    const { topic, partition, offset, timestamp, leaderEpoch, key, value } = this
    return {
      topic,
      partition,
      offset,
      timestamp,
      key: key && Buffer.from(key),
      value: value && Buffer.from(value),
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
      key: text(key),
      value: text(value),
      headers,
      leaderEpoch,
    }
  }

  [inspect](): Record<string, unknown> {
    return this.toJSON()
  }

  /** The partition and end offset of a message, to mark it as processed. @internal */
  static placeOf(message: Message): ItemPlace {
    const batch = message.#batch
    return {
      cursor: batch.cursor,
      assignmentEpoch: batch.assignmentEpoch,
      end: batch.baseOffset + message.#offsetDelta + 1,
      leaderEpoch: batch.leaderEpoch,
    }
  }
}

/** The progress of the partition after an item. */
export interface ItemPlace {
  readonly cursor: Cursor
  readonly assignmentEpoch: number
  readonly end: number
  readonly leaderEpoch: number
}

/** The records of one record batch. It can be iterated repeatedly. */
export class MessageBatch implements Iterable<Message> {
  readonly #batch: FetchedBatch<Cursor>
  readonly #commit: (batch: MessageBatch) => Promise<void>
  readonly firstOffset: bigint
  /** The last offset of the batch as written; compaction may have removed the record. */
  readonly lastOffset: bigint
  /** The high watermark as of the fetch. */
  readonly highWatermark: bigint

  /** @internal */
  constructor(batch: FetchedBatch<Cursor>, commit: (batch: MessageBatch) => Promise<void>) {
    this.#batch = batch
    this.#commit = commit
    this.firstOffset = BigInt(batch.firstOffset)
    this.lastOffset = BigInt(batch.end - 1)
    this.highWatermark = BigInt(Math.max(batch.cursor.highWatermark, batch.end))
  }

  get topic(): string {
    return this.#batch.cursor.topic
  }

  get partition(): number {
    return this.#batch.cursor.partition
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
    return this.#batch.cursor.signal
  }

  *[Symbol.iterator](): Generator<Message, void, void> {
    const walk = this.#batch.walk()
    while (walk.next()) yield new Message(this.#batch, walk.records)
  }

  /** Calls `visit` with the position of each record in the bytes, without an object per record. */
  walk(visit: (records: RecordCursor, baseOffset: number) => void): void {
    const walk = this.#batch.walk()
    while (walk.next()) visit(walk.records, this.#batch.baseOffset)
  }

  /** Marks the batch as processed and commits. */
  commit(): Promise<void> {
    return this.#commit(this)
  }

  /** @internal */
  static placeOf(batch: MessageBatch): ItemPlace {
    const { cursor, assignmentEpoch, end, leaderEpoch } = batch.#batch
    return { cursor, assignmentEpoch, end, leaderEpoch }
  }
}

function view(bytes: Uint8Array, start: number, length: number): Buffer | null {
  return length < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + start, length)
}

function text(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('utf8')
}

import { type RecordCursor, type RecordHeaderView, readHeaders } from '@ottla/codec/records'
import { type Origin, originOf } from '../group/origin.ts'
import { type ItemPlace, originAt, type RecordOrigin } from './item-place.ts'
import type { AssignedPartition } from './partition/assigned-partition.ts'
import type { FetchedBatch, Selection } from './partition/fetched-batch.ts'

const noHeaders: readonly RecordHeaderView[] = Object.freeze([])
const inspect = Symbol.for('nodejs.util.inspect.custom')

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
  readonly #batch: RecordOrigin
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
  constructor(batch: RecordOrigin, records: RecordParts) {
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
    return this.#batch.owner.topic
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
    return this.#batch.signal
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

  /** For `transaction.sendOffsets`. */
  [originOf](): Origin {
    return originAt(Message.placeOf(this))
  }

  /** The offsets that the message takes in its batch, to mark it as processed. @internal */
  static placeOf(message: Message): ItemPlace {
    const batch = message.#batch
    const start = batch.baseOffset + message.#offsetDelta
    return { batch, start, end: start + 1 }
  }
}

/** The records of one record batch. It can be iterated repeatedly. */
export class MessageBatch implements Iterable<Message> {
  readonly #batch: FetchedBatch<AssignedPartition>
  readonly #commit: (batch: MessageBatch) => Promise<void>
  readonly #selection: Selection
  readonly firstOffset: bigint
  /** The last offset of the batch as written; compaction may have removed the record. */
  readonly lastOffset: bigint
  /** The high watermark as of the fetch. */
  readonly highWatermark: bigint

  /** @internal */
  constructor(batch: FetchedBatch<AssignedPartition>, commit: (batch: MessageBatch) => Promise<void>) {
    this.#batch = batch
    this.#commit = commit
    this.#selection = batch.selection
    this.firstOffset = BigInt(batch.firstOffset)
    this.lastOffset = BigInt(batch.end - 1)
    this.highWatermark = BigInt(Math.max(batch.owner.highWatermark, batch.end))
  }

  get topic(): string {
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

  *[Symbol.iterator](): Generator<Message, void, void> {
    const walk = this.#batch.walk(this.#selection)
    while (walk.next()) yield new Message(this.#batch, walk.records)
  }

  /** Calls `visit` with the position of each record in the bytes, without an object per record. */
  walk(visit: (records: RecordCursor, baseOffset: number) => void): void {
    const walk = this.#batch.walk(this.#selection)
    while (walk.next()) visit(walk.records, this.#batch.baseOffset)
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
  static placeOf(item: MessageBatch): ItemPlace {
    const batch = item.#batch
    return { batch, start: item.#selection.from, end: batch.end }
  }
}

function view(bytes: Uint8Array, start: number, length: number): Buffer | null {
  return length < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + start, length)
}

function text(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('utf8')
}

import { type RecordCursor, type RecordHeaderView, readHeaders } from '@ottla/codec/records'
import type { FetchedBatch } from '../consumer/partition/fetched-batch.ts'
import { KafkaError } from '../errors.ts'

/** The batch that lends its bytes. */
export interface Lender {
  /** What it was merged from, in order. */
  readonly parts: readonly FetchedBatch[]
  /** The bytes are no longer lent. */
  readonly isSettled: boolean
}

const settledHint = 'Copy what you need of a record before you settle its batch or request the next one.'

/**
 * Iterates over the records of a batch without an object per record: `next` moves it, and its fields are those of the record where it is.
 * The bytes are lent until the batch is settled: copy what is needed longer.
 */
export class LentRecords {
  readonly #lender: Lender
  #nextPart = 0
  #part: FetchedBatch | undefined
  #walk: ReturnType<FetchedBatch['walk']> | undefined
  #records: RecordCursor | undefined
  #buffer: Buffer | undefined

  /** @internal */
  constructor(lender: Lender) {
    this.#lender = lender
  }

  /** Moves to the next record; false after the last one. */
  next(): boolean {
    if (this.#lender.isSettled) throw settledError()
    while (this.#walk?.next() !== true) if (!this.#open()) return false
    return true
  }

  get offset(): number {
    return this.#batch.baseOffset + this.#at.offsetDelta
  }

  /** In ms since the epoch. */
  get timestamp(): number {
    const { fixedTimestamp, baseTimestamp } = this.#batch
    return fixedTimestamp ? baseTimestamp : baseTimestamp + this.#at.timestampDelta
  }

  /** The epoch of the leader that appended the record; -1 if unknown. */
  get leaderEpoch(): number {
    return this.#batch.leaderEpoch
  }

  /** The lent bytes, to which the positions refer: those of many records. */
  get buffer(): Buffer {
    const { bytes } = this.#at
    this.#buffer ??= Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return this.#buffer
  }

  get keyStart(): number {
    return this.#at.keyStart
  }

  /** -1 for null. */
  get keyLength(): number {
    return this.#at.keyLength
  }

  get valueStart(): number {
    return this.#at.valueStart
  }

  /** -1 for null. */
  get valueLength(): number {
    return this.#at.valueLength
  }

  get headerCount(): number {
    return this.#at.headerCount
  }

  /** A view into the lent bytes. */
  key(): Buffer | null {
    return this.#view(this.keyStart, this.keyLength)
  }

  /** A view into the lent bytes. */
  value(): Buffer | null {
    return this.#view(this.valueStart, this.valueLength)
  }

  /** Their values are views into the lent bytes. */
  headers(): RecordHeaderView[] {
    const { bytes, headersStart, headerCount } = this.#at
    return headerCount === 0 ? [] : readHeaders(bytes, headersStart, headerCount)
  }

  get #batch(): FetchedBatch {
    return this.#part ?? outside()
  }

  get #at(): RecordCursor {
    return this.#records ?? outside()
  }

  #view(start: number, length: number): Buffer | null {
    return length < 0 ? null : this.buffer.subarray(start, start + length)
  }

  /** Continues with the next part; false: there is none, and the cursor is behind the last record. */
  #open(): boolean {
    this.#part = this.#lender.parts[this.#nextPart++]
    this.#walk = this.#part?.walk()
    this.#records = this.#walk?.records
    this.#buffer = undefined
    return this.#part !== undefined
  }
}

function outside(): never {
  throw new KafkaError('INVALID_STATE', 'The cursor is at no record', {
    hint: 'Read its fields after next() has returned true.',
  })
}

export function settledError(): KafkaError {
  return new KafkaError('INVALID_STATE', 'The batch is settled: its bytes are no longer lent', { hint: settledHint })
}

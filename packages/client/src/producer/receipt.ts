import { jsonOfResult } from '../error-data.ts'
import { meaningOf } from '../error-meaning.ts'
import { changed, differs, KafkaError, type KafkaErrorChanges, withStackOf } from '../errors.ts'

/** The result of one batch, shared by the receipts of all its records. */
export class BatchResult {
  readonly topic: string
  readonly partition: number
  /** The timestamp of the batch's first record. */
  baseTimestampMs = 0
  /** -1: the broker returned none (acks=0, or a duplicate whose offset it no longer has). */
  baseOffset = -1n
  /** -1: the topic keeps the timestamps of the producer. */
  logAppendTimeMs = -1
  /** Why the batch failed. Records with an error of their own are in `recordErrors` (KIP-467). */
  error: KafkaError | undefined
  recordErrors: ReadonlyMap<number, KafkaError> | undefined
  /** The results of a batch that was split or distributed again: the first index of each part with its result, ascending. */
  parts: readonly ResultPart[] | undefined

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /** Whether any record of it failed. */
  get failed(): boolean {
    return this.error !== undefined || (this.parts?.some(({ result }) => result.failed) ?? false)
  }

  /** The error of a record that failed; undefined also when records were only withdrawn by their callers. */
  get failure(): KafkaError | undefined {
    for (const { result } of this.parts ?? []) {
      const { failure } = result
      if (failure !== undefined) return failure
    }
    const { error } = this
    return error !== undefined && meaningOf(error.code).ended === 'aborted' ? undefined : error
  }

  errorOf(index: number): KafkaError | undefined {
    const place = this.placeOf(index)
    if (place !== undefined) return place.result.errorOf(place.index)
    return this.recordErrors?.get(index) ?? this.error
  }

  offsetOf(index: number): bigint | undefined {
    const place = this.placeOf(index)
    if (place !== undefined) return place.result.offsetOf(place.index)
    return this.baseOffset < 0n ? undefined : this.baseOffset + BigInt(index)
  }

  partitionOf(index: number): number {
    const place = this.placeOf(index)
    return place === undefined ? this.partition : place.result.partitionOf(place.index)
  }

  logAppendTimeOf(index: number): number {
    const place = this.placeOf(index)
    return place === undefined ? this.logAppendTimeMs : place.result.logAppendTimeOf(place.index)
  }

  /** Where the result of a record is, after its batch was divided; undefined: here. */
  placeOf(index: number): { readonly result: BatchResult; readonly index: number } | undefined {
    const part = this.parts?.findLast(({ start }) => start <= index)
    return part && { result: part.result, index: index - part.start + part.first }
  }
}

/** The result of records that were appended to no batch. */
export function failedResult(topic: string, error: KafkaError): BatchResult {
  const result = new BatchResult(topic, -1)
  result.error = error
  return result
}

export interface ResultPart {
  readonly start: number
  /** The index of its first record in `result`. */
  readonly first: number
  readonly result: BatchResult
}

let errorIn: (receipt: Receipt) => KafkaError | undefined
let placeIn: (result: BatchResult, receipt: Receipt) => number

/** The position at which a record was stored. */
export class Receipt {
  readonly #result: BatchResult
  readonly #index: number
  // Relative to its batch: a small integer needs no allocation, a timestamp in ms does.
  readonly #timestampDelta: number

  constructor(result: BatchResult, index: number, timestampDelta: number) {
    this.#result = result
    this.#index = index
    this.#timestampDelta = timestampDelta
  }

  get topic(): string {
    return this.#result.topic
  }

  get partition(): number {
    return this.#result.partitionOf(this.#index)
  }

  /** Undefined with acks=0, and for a duplicate whose offset the broker no longer has. */
  get offset(): bigint | undefined {
    return this.#result.offsetOf(this.#index)
  }

  /** The record's timestamp in ms; for topics with LogAppendTime the broker's. */
  get timestamp(): number {
    const appended = this.#result.logAppendTimeOf(this.#index)
    return appended >= 0 ? appended : this.#result.baseTimestampMs + this.#timestampDelta
  }

  toJSON(): { topic: string; partition: number; offset: string | undefined; timestamp: number } {
    const { topic, partition, offset, timestamp } = this
    return { topic, partition, offset: offset?.toString(), timestamp }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    const { topic, partition, offset, timestamp } = this
    return { topic, partition, offset, timestamp }
  }

  static {
    errorIn = (receipt) => receipt.#result.errorOf(receipt.#index)
    placeIn = (result, receipt) => (receipt.#result === result ? receipt.#index : -1)
  }
}

/** Why the record of a receipt was not delivered; undefined when it was. */
export function errorOfReceipt(receipt: Receipt): KafkaError | undefined {
  return errorIn(receipt)
}

/** The index of the record in the batch of this result; -1: it was appended to another one. */
export function indexIn(result: BatchResult, receipt: Receipt): number {
  return placeIn(result, receipt)
}

/** Some records of an array were not delivered: `results` has the receipt or the error of each, in the order of the array. */
export class SendError extends KafkaError {
  static override readonly name: string = 'SendError'
  readonly results: readonly (Receipt | KafkaError)[]

  constructor(results: readonly (Receipt | KafkaError)[], changes: KafkaErrorChanges = {}) {
    const errors = results.filter((result) => KafkaError.is(result))
    // The others may have failed because of it.
    const first = errors.find(({ retriable }) => !retriable) ?? errors[0]
    const message = `${errors.length} of ${results.length} records were not delivered: ${first?.message}`
    super(changes.code ?? 'SEND_FAILED', changes.message ?? message, {
      cause: first,
      retriable: errors.every(({ retriable }) => retriable),
      fatal: errors.some(({ fatal }) => fatal),
      outcome: errors.some(({ outcome }) => outcome === 'unknown') ? 'unknown' : 'not-written',
      hint: 'Look at `error.results` for the receipt or the error of each record.',
      ...changes,
    })
    this.results = results
  }

  override with(changes: KafkaErrorChanges): SendError {
    return differs(this, changes) ? withStackOf(this, new SendError(this.results, changed(this, changes))) : this
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), results: jsonOfResult(this.results) }
  }
}

import { meaningOf } from '../error-meaning.ts'
import { KafkaError } from '../errors.ts'
import { type BatchResult, errorOfReceipt, indexIn, type Receipt, SendError } from './receipt.ts'

/** A batch, for a call whose records are taken out of it again. */
export interface CallBatch {
  readonly result: BatchResult
  /** Settles these records, if the batch was never sent. The errors are by index in the batch. */
  withdraw(call: Call, errors: ReadonlyMap<number, KafkaError>): void
}

/**
 * One call of `send` or `enqueue`, which waits for its records. A batch refers to each call once, however many of its records it
 * holds; `pending` counts the batches that have no result yet.
 */
export interface Call {
  pending: number
  /** Those with records of it, if it has a signal. */
  readonly batches: CallBatch[] | undefined
  /** What each record of it takes in memory beside its data, until it is settled. */
  readonly overheadBytes: number
  /** The record at `position` of the call was appended to a batch. */
  accepted(receipt: Receipt, position: number): void
  /** A batch of the call has its result; called once for each batch that incremented `pending`. */
  settled(result: BatchResult): void
  /** A record that incremented `pending` while its topic was unknown was appended to a batch, or refused. */
  arrived(): void
}

// Measured as RSS on Node 20, with a small function or one `then` of the caller.
const enqueueOverheadBytes = 256
const sendOverheadBytes = 640
/** Of a receipt, in the array of its call. */
const receiptOverheadBytes = 64

/** The caller withdrew the record before it was sent. */
function isAborted(result: Receipt | KafkaError): boolean {
  return KafkaError.is(result) && meaningOf(result.code).ended === 'aborted'
}

/** Takes the records of a call out of the batches that were never sent. */
function withdraw(call: Call, receipts: readonly (Receipt | undefined)[], error: KafkaError): void {
  for (const batch of call.batches ?? []) {
    const errors = new Map<number, KafkaError>()
    for (const receipt of receipts) {
      const index = receipt === undefined ? -1 : indexIn(batch.result, receipt)
      if (index >= 0) errors.set(index, error)
    }
    if (errors.size > 0) batch.withdraw(call, errors)
  }
}

/** `send(record)`. */
export class SendOne implements Call {
  pending = 0
  batches: CallBatch[] | undefined
  readonly promise: Promise<Receipt>
  #resolve!: (receipt: Receipt) => void
  #reject!: (error: KafkaError) => void
  #receipt: Receipt | undefined

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get overheadBytes(): number {
    return sendOverheadBytes
  }

  accepted(receipt: Receipt): void {
    this.#receipt = receipt
  }

  settled(): void {
    const receipt = this.#receipt!
    const error = errorOfReceipt(receipt)
    if (error === undefined) this.#resolve(receipt)
    else this.#reject(error)
  }

  arrived(): void {}

  /** Settles the record with an error, if it was never sent. */
  withdraw(error: KafkaError): void {
    withdraw(this, [this.#receipt], error)
  }

  /** For a record that was appended to no batch. */
  reject(error: KafkaError): void {
    this.#reject(error)
  }
}

/** `send(records)`: one promise for all batches. */
export class SendMany implements Call {
  // One for the call itself: it is not over while records of it wait for buffer space.
  pending = 1
  batches: CallBatch[] | undefined
  readonly overheadBytes: number
  readonly promise: Promise<Receipt[]>
  #resolve!: (receipts: Receipt[]) => void
  #reject!: (error: KafkaError) => void
  readonly #receipts: Receipt[]
  #failed = false
  #refusal: KafkaError | undefined

  constructor(count: number) {
    this.#receipts = new Array(count)
    this.overheadBytes = receiptOverheadBytes + Math.ceil(sendOverheadBytes / Math.max(1, count))
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  accepted(receipt: Receipt, position: number): void {
    this.#receipts[position] = receipt
  }

  settled(result: BatchResult): void {
    if (result.failed) this.#failed = true
    if (--this.pending === 0) this.#finish()
  }

  /** Settles the records that were never sent with an error. */
  withdraw(error: KafkaError): void {
    withdraw(this, this.#receipts, error)
  }

  /** No more records of the call follow. `refusal`: the error of those that were not accepted. */
  allAccepted(refusal?: KafkaError): void {
    this.#refusal = refusal
    if (refusal !== undefined) this.#failed = true
    this.arrived()
  }

  arrived(): void {
    if (--this.pending === 0) this.#finish()
  }

  #finish(): void {
    const receipts = this.#receipts
    if (!this.#failed) {
      this.#resolve(receipts)
      return
    }
    const results: (Receipt | KafkaError)[] = new Array(receipts.length)
    let failures = 0
    for (let at = 0; at < receipts.length; at++) {
      const receipt = receipts[at]
      const error = receipt === undefined ? this.#refusal! : errorOfReceipt(receipt)
      if (error !== undefined) failures++
      results[at] = error ?? receipt!
    }
    // The failed records of a batch may all belong to other calls.
    const refusal = this.#refusal
    if (failures === 0) this.#resolve(receipts)
    else if (refusal !== undefined && results.every((error) => error === refusal)) this.#reject(refusal)
    else if (results.every(isAborted)) this.#reject(results[0] as KafkaError)
    else this.#reject(new SendError(results))
  }
}

/** Receives the result of one record of `enqueue`: exactly one of the two is defined. */
export type OnSettled = (error: KafkaError | undefined, receipt: Receipt | undefined) => void

/** `enqueue(record, onSettled)`. */
export class EnqueueCall implements Call {
  pending = 0
  readonly batches = undefined
  readonly #onSettled: OnSettled
  #receipt: Receipt | undefined

  constructor(onSettled: OnSettled) {
    this.#onSettled = onSettled
  }

  get overheadBytes(): number {
    return enqueueOverheadBytes
  }

  accepted(receipt: Receipt): void {
    this.#receipt = receipt
  }

  arrived(): void {}

  settled(): void {
    const receipt = this.#receipt!
    const error = errorOfReceipt(receipt)
    try {
      this.#onSettled(error, error === undefined ? receipt : undefined)
    } catch (thrown) {
      // An error of the application: it becomes an uncaught exception, and does not keep other records from settling.
      queueMicrotask(() => {
        throw thrown
      })
    }
  }
}

/** Stands for a batch in its parts, which have the records now: `onSettled` follows when each part has its result. */
export class PartsCall implements Call {
  pending: number
  readonly batches = undefined
  readonly #onSettled: () => void

  constructor(parts: number, onSettled: () => void) {
    this.pending = parts
    this.#onSettled = onSettled
  }

  /** Those of the calls were counted with the batch. */
  get overheadBytes(): number {
    return 0
  }

  accepted(): void {}

  arrived(): void {}

  settled(): void {
    if (--this.pending === 0) this.#onSettled()
  }
}

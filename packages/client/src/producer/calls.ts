import type { KafkaError } from '../errors.ts'
import { type BatchResult, errorOfReceipt, type Receipt, SendError } from './receipt.ts'

/**
 * Who waits for records: one call of `send` or `enqueue`. A batch knows each call once, however many of its records it holds;
 * `pending` counts the batches that still owe an answer.
 */
export interface Call {
  pending: number
  /** The record at `position` of the call is in a batch now. */
  accepted(receipt: Receipt, position: number): void
  /** A batch of the call has its result; called once for each batch that raised `pending`. */
  settled(result: BatchResult): void
  /** A record that raised `pending` while its topic was unknown waits no more: it is in a batch, or was refused. */
  arrived(): void
}

/** `send(record)`. */
export class SendOne implements Call {
  pending = 0
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

  /** For a record that never got into a batch. */
  refused(error: KafkaError): void {
    this.#reject(error)
  }
}

/** `send(records)`: one promise, counted down by batches. */
export class SendMany implements Call {
  // One for the admission itself: the call is not over while records of it still wait for room.
  pending = 1
  readonly promise: Promise<Receipt[]>
  #resolve!: (receipts: Receipt[]) => void
  #reject!: (error: KafkaError) => void
  readonly #receipts: Receipt[]
  #failed = false
  #refusal: KafkaError | undefined

  constructor(count: number) {
    this.#receipts = new Array(count)
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

  /** No more records of the call follow. With `refusal`: those that did not get in failed by it. */
  admitted(refusal?: KafkaError): void {
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
    // A batch may have failed for the records of other calls only.
    const refusal = this.#refusal
    if (failures === 0) this.#resolve(receipts)
    else if (refusal !== undefined && results.every((error) => error === refusal)) this.#reject(refusal)
    else this.#reject(new SendError(results))
  }
}

/** Told about one record of `enqueue`: exactly one of the two is defined. */
export type OnSettled = (error: KafkaError | undefined, receipt: Receipt | undefined) => void

/** `enqueue(record, onSettled)`. */
export class EnqueueCall implements Call {
  pending = 0
  readonly #onSettled: OnSettled
  #receipt: Receipt | undefined

  constructor(onSettled: OnSettled) {
    this.#onSettled = onSettled
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
      // It is the user's own error: it surfaces as uncaught, and the other records settle all the same.
      queueMicrotask(() => {
        throw thrown
      })
    }
  }
}

import type { OnSettled } from '../producer/calls.ts'
import type { SendOptions, WaitOptions } from '../producer/producer.ts'
import type { Receipt } from '../producer/receipt.ts'
import type { ProducerRecord } from '../producer/record-input.ts'
import type { Transaction } from '../producer/transactions/transaction.ts'

/**
 * The open transaction, for the handlers of `kafka.processTransactionally`. What is sent becomes visible together with the offset of
 * the message that is processed, or not at all. It ends by itself after the handler: then its calls reject with INVALID_STATE.
 */
export class HandlerTransaction {
  readonly #transaction: Transaction

  /** @internal */
  constructor(transaction: Transaction) {
    this.#transaction = transaction
  }

  /** As `producer.send`. It need not be awaited: a failure aborts the transaction in any case. */
  send(record: ProducerRecord, options?: SendOptions): Promise<Receipt>
  send(records: readonly ProducerRecord[], options?: SendOptions): Promise<Receipt[]>
  send(
    input: ProducerRecord | readonly ProducerRecord[],
    options?: SendOptions,
  ): Promise<Receipt> | Promise<Receipt[]> {
    return this.#transaction.send(input as ProducerRecord, options)
  }

  /** As `producer.enqueue`. A failure aborts the transaction in any case. */
  enqueue(record: ProducerRecord, onSettled?: OnSettled): boolean {
    return this.#transaction.enqueue(record, onSettled)
  }

  /** As `producer.room`. */
  room(options?: WaitOptions): Promise<void> {
    return this.#transaction.room(options)
  }

  /** Sends what is buffered, and waits until it is acknowledged. The commit does it by itself. */
  flush(options?: WaitOptions): Promise<void> {
    return this.#transaction.flush(options)
  }
}

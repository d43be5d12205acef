import type { CallOptions } from '../call-options.ts'
import type { Transaction } from '../producer/transactions/transaction.ts'
import type { TransactionalProducer } from '../producer/transactions/transactional-producer.ts'

/** How long a producer that is replaced may take to release its connections. */
const replacedCloseMs = 1_000

/** The transactional producer of a processor. One that cannot continue is replaced by another one of the same transactionalId. */
export class ProducerSlot {
  readonly #create: () => TransactionalProducer
  #producer: TransactionalProducer
  /** Those that were replaced, while they close. */
  readonly #closing = new Set<Promise<void>>()

  constructor(create: () => TransactionalProducer) {
    this.#create = create
    this.#producer = create()
  }

  /** Ends what a former instance has left open. Until then nothing of it is known. */
  ready(options: CallOptions): Promise<void> {
    return this.#producer.ready(options)
  }

  begin(options: CallOptions): Promise<Transaction> {
    return this.#producer.begin(options)
  }

  replace(): void {
    const closing = this.#producer.close({ timeoutMs: replacedCloseMs })
    this.#closing.add(closing)
    void closing.then(() => this.#closing.delete(closing))
    this.#producer = this.#create()
  }

  async close(timeoutMs: number): Promise<void> {
    await Promise.all([this.#producer.close({ timeoutMs }), ...this.#closing])
  }
}

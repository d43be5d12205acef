import {
  type Kafka,
  KafkaError,
  type Receipt,
  SendError,
  type Transaction,
  type TransactionalProducer,
} from '../../../src/index.ts'
import type { ChaosRandom } from '../chaos-random.ts'
import type { ApplicationWorld } from './application.ts'
import type { LedgerEntry } from './ledger.ts'
import type { TransactionEntry, TransactionLedger } from './transaction-ledger.ts'

/** What a transactional application sees of the world. */
export interface TransactorWorld extends ApplicationWorld {
  readonly transactions: TransactionLedger
}

const transactionTimeoutMs = 15_000
/** Above all time limits of a transaction. */
const deadlineMs = 60_000
const callTimeoutMs = 10_000

/** One transactional producer: transactions with records of several partitions and offsets, which commit, abort or fail. */
export class ChaosTransactor {
  readonly name: string
  readonly transactionalId: string
  readonly #world: TransactorWorld
  readonly #random: ChaosRandom
  readonly #producer: TransactionalProducer
  #order = 0
  #isFatal = false

  constructor(world: TransactorWorld, name: string, transactionalId: string, kafka: Kafka, random: ChaosRandom) {
    this.name = name
    this.transactionalId = transactionalId
    this.#world = world
    this.#random = random
    this.#producer = kafka.transactionalProducer({
      transactionalId,
      transactionTimeoutMs,
      requestTimeoutMs: random.pick([2_000, 5_000]),
      maxBatchBytes: random.pick([1_024, 65_536]),
      lingerMs: random.pick([0, 0, 20]),
    })
    world.ledger.producers.set(name, { name, acks: 'all', idempotent: true, keepsOrder: true })
  }

  /** Whether no later transaction of it can succeed. */
  get isFatal(): boolean {
    return this.#isFatal
  }

  /** One transaction after the other until a fatal error, or the end of the faults. */
  async live(untilMs: number): Promise<void> {
    const { plan } = this.#world
    while (this.#world.nowMs() < untilMs && !this.#isFatal) {
      await this.#world.sleep(this.#random.between(1, 4 * plan.paceMs))
      await this.transact(this.#random.withProbability(0.7) ? 'commit' : 'abort')
    }
  }

  close(): Promise<void> {
    return this.#producer.close({ timeoutMs: 5_000 })
  }

  /** Resolves to whether the producer reports that it is committed. */
  async transact(
    wish: 'commit' | 'abort',
    partitions?: readonly { topic: string; partition: number }[],
  ): Promise<boolean> {
    const { transactions, count } = this.#world
    let transaction: Transaction
    try {
      transaction = await this.#producer.begin({ timeoutMs: callTimeoutMs })
    } catch (error) {
      this.#failed('begin()', error)
      return false
    }
    const entry = transactions.begin(this.transactionalId, this.#world.plan.topics[0]?.name)
    const sending = this.#sendAll(transaction, entry, partitions)
    if (this.#random.withProbability(0.5)) await sending
    if (this.#random.withProbability(0.4)) await this.#sendOffsets(transaction, entry)
    await this.#end(transaction, entry, wish)
    await sending
    count.call(this.#world, `transaction ${entry.ending}`)
    return entry.ending === 'committed'
  }

  async #sendAll(
    transaction: Transaction,
    entry: TransactionEntry,
    partitions: readonly { topic: string; partition: number }[] | undefined,
  ): Promise<void> {
    const calls = partitions ?? Array.from({ length: this.#random.whole(1, 6) }, () => this.#place())
    const settled: Promise<void>[] = []
    for (const { topic, partition } of calls) {
      const records = Array.from({ length: this.#random.whole(1, 4) }, () => this.#entryOf(topic, partition))
      entry.records.push(...records)
      const inputs = records.map(({ value }) => ({ topic, value, partition }))
      settled.push(this.#settling(records, transaction.send(inputs)))
      if (this.#random.withProbability(0.3)) await this.#world.sleep(this.#random.between(1, 300))
    }
    await Promise.all(settled)
  }

  #place(): { topic: string; partition: number } {
    const topic = this.#random.pick(this.#world.plan.topics).name
    return { topic, partition: this.#random.whole(0, this.#world.partitionCount(topic) - 1) }
  }

  #entryOf(topic: string, partition: number): LedgerEntry {
    const acceptedMs = this.#world.nowMs()
    const padding = 'x'.repeat(this.#random.whole(0, 80))
    return this.#world.ledger.accept({
      value: `${this.name}-${this.#order} ${padding}`,
      producer: this.name,
      order: this.#order++,
      topic,
      partition,
      key: undefined,
      call: 'send',
      acceptedMs,
      deadlineMs: acceptedMs + transactionTimeoutMs,
    })
  }

  async #settling(entries: readonly LedgerEntry[], sending: Promise<Receipt[]>): Promise<void> {
    const { ledger } = this.#world
    try {
      const receipts = await sending
      for (const [at, entry] of entries.entries()) ledger.settle(entry, undefined, receipts[at])
    } catch (error) {
      if (!KafkaError.is(error)) throw error
      for (const [at, entry] of entries.entries()) {
        const own = error instanceof SendError ? error.results[at] : error
        if (KafkaError.is(own)) ledger.settle(entry, own, undefined)
        else ledger.settle(entry, undefined, own)
      }
    }
  }

  async #sendOffsets(transaction: Transaction, entry: TransactionEntry): Promise<void> {
    const topic = entry.offsetTopic
    if (topic === undefined) return
    const offset = this.#world.transactions.nextOffset()
    entry.offset = offset
    this.#world.count('sendOffsets')
    try {
      const offsets = [{ topic, partition: 0, offset }]
      await transaction.sendOffsets({ offsets, group: this.transactionalId }, { timeoutMs: callTimeoutMs })
    } catch (error) {
      this.#failed('sendOffsets()', error)
    }
  }

  async #end(transaction: Transaction, entry: TransactionEntry, wish: 'commit' | 'abort'): Promise<void> {
    if (wish === 'commit') {
      try {
        await transaction.commit({ timeoutMs: callTimeoutMs })
        entry.ending = 'committed'
        return
      } catch (error) {
        this.#failed('commit()', error)
        if (KafkaError.is(error) && error.outcome === 'unknown') entry.ending = 'unknown'
      }
    }
    const untilMs = this.#world.nowMs() + deadlineMs
    while (transaction.status !== 'aborted' && !this.#isFatal && this.#world.nowMs() < untilMs) {
      try {
        await transaction.abort({ timeoutMs: callTimeoutMs })
      } catch (error) {
        this.#failed('abort()', error)
        await this.#world.sleep(200)
      }
    }
    if (transaction.status === 'aborted') entry.ending = 'aborted'
    else if (entry.ending === 'open') entry.ending = this.#isFatal ? 'unknown' : 'open'
  }

  #failed(call: string, error: unknown): void {
    if (!KafkaError.is(error)) {
      this.#world.violation(`${this.name}: ${call} rejects with ${String(error)}`)
      return
    }
    this.#world.note(`${this.name}: ${call} fails: ${error.message}`)
    this.#world.count(`${call} ${error.code}`)
    if (error.fatal) this.#isFatal = true
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Kafka,
  KafkaError,
  type Receipt,
  type Transaction,
  type TransactionalProducer,
} from '../../../src/index.ts'
import type { Random } from '../chaos/random.ts'
import { ProducerLedger } from './ledger.ts'

/** The records with the numbers from `from` to below `to`. */
interface Range {
  readonly from: number
  readonly to: number
}

export interface TransactionPlan {
  readonly transactionalId: string
  readonly topic: string
  readonly partitions: number
  /** Records of a transaction. */
  readonly records: number
}

const callTimeoutMs = 20_000
const pauseMs = 50
const abortShare = 5

/** One transaction after the other, with offsets of a group named as the transactionalId. Every fifth or so is aborted. */
export class TransactionLoad {
  readonly ledger: ProducerLedger
  readonly transactionalId: string
  committed = 0
  aborted = 0
  /** Their records are visible all together, or not at all. */
  readonly unknown: Range[] = []
  /** What the group may have at the end. */
  readonly possibleOffsets = new Set<number>()
  readonly #kafka: Kafka
  readonly #plan: TransactionPlan
  readonly #random: Random
  #producer: TransactionalProducer
  #nextOffset = 1
  #isStopping = false
  #running: Promise<void> = Promise.resolve()

  constructor(kafka: Kafka, plan: TransactionPlan, random: Random) {
    this.#kafka = kafka
    this.#plan = plan
    this.#random = random
    this.transactionalId = plan.transactionalId
    this.ledger = new ProducerLedger(plan.transactionalId)
    this.#producer = this.#newProducer()
  }

  #newProducer(): TransactionalProducer {
    return this.#kafka.transactionalProducer({ transactionalId: this.transactionalId, transactionTimeoutMs: 60_000 })
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
    await this.#producer.close()
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      await sleep(pauseMs)
      await this.#transact()
    }
  }

  async #transact(): Promise<void> {
    const offset = this.#nextOffset++
    let transaction: Transaction
    try {
      transaction = await this.#producer.begin({ timeoutMs: callTimeoutMs })
    } catch (error) {
      await this.#replaceAfter(error)
      return
    }
    const from = this.ledger.sent
    const numbered = Array.from({ length: this.#plan.records }, () => this.ledger.next())
    const range = { from, to: this.ledger.sent }
    const { topic, partitions } = this.#plan
    const records = numbered.map(({ number, value }) => ({ topic, value, partition: number % partitions }))
    try {
      const sending = transaction.send(records)
      const offsets = [{ topic, partition: 0, offset }]
      await transaction.sendOffsets({ offsets, group: this.transactionalId }, { timeoutMs: callTimeoutMs })
      const receipts = await sending
      if (this.#random.below(abortShare) === 0) throw new Error('The application aborts')
      await transaction.commit({ timeoutMs: callTimeoutMs })
      this.#committedAs(range, receipts, offset)
    } catch (error) {
      await this.#endAfter(transaction, error, range, offset)
    }
  }

  #committedAs({ from }: Range, receipts: readonly Receipt[], offset: number): void {
    this.committed++
    this.possibleOffsets.clear()
    this.possibleOffsets.add(offset)
    for (const [at, receipt] of receipts.entries()) this.ledger.settle(from + at, undefined, receipt)
  }

  /** The transaction failed, or the application aborts it. */
  async #endAfter(transaction: Transaction, error: unknown, range: Range, offset: number): Promise<void> {
    const isOpen = () => transaction.status === 'open' || transaction.status === 'failed'
    let cause = error
    while (isOpen()) {
      try {
        await transaction.abort({ timeoutMs: callTimeoutMs })
      } catch (failure) {
        cause = failure
        await sleep(pauseMs)
      }
    }
    const isAborted = transaction.status === 'aborted'
    const outcome = isAborted ? 'not-written' : 'unknown'
    const result = new KafkaError('TRANSACTION_ABORTED', 'The transaction was not committed', { outcome })
    for (let number = range.from; number < range.to; number++) this.ledger.settle(number, result, undefined)
    if (isAborted) this.aborted++
    else {
      this.unknown.push(range)
      this.possibleOffsets.add(offset)
    }
    await this.#replaceAfter(cause)
  }

  async #replaceAfter(error: unknown): Promise<void> {
    if (!KafkaError.is(error) || !error.fatal) return
    await this.#producer.close()
    this.#producer = this.#newProducer()
  }
}

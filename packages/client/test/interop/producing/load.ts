import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Kafka,
  KafkaError,
  type Producer,
  type ProducerOptions,
  type Receipt,
  SendError,
} from '../../../src/index.ts'
import { ProducerLedger } from './ledger.ts'

const everyMs = 20
/** Above this many unsettled records the load waits: the brokers are down. */
const mostUnsettled = 40_000

/** How one producer is called. */
export interface LoadPlan {
  readonly name: string
  readonly call: 'enqueue' | 'arrays' | 'single'
  /** Without it the partition is chosen by the producer. */
  readonly namesPartitions: boolean
  readonly recordsPerSecond: number
  readonly options: ProducerOptions
}

/** One producer that sends records at a steady rate until `stop`. */
export class ProducerLoad {
  readonly ledger: ProducerLedger
  readonly #plan: LoadPlan
  readonly #producer: Producer
  readonly #topic: string
  readonly #partitions: number
  #isStopping = false
  #running: Promise<void> = Promise.resolve()

  constructor(kafka: Kafka, plan: LoadPlan, topic: string, partitions: number) {
    this.#plan = plan
    this.#producer = kafka.producer(plan.options)
    this.#topic = topic
    this.#partitions = partitions
    this.ledger = new ProducerLedger(plan.name)
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Resolves when each record is settled. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
    await this.#producer.flush()
    await this.#producer.close()
  }

  async #run(): Promise<void> {
    let owed = 0
    let atMs = performance.now()
    while (!this.#isStopping) {
      await sleep(everyMs)
      const nowMs = performance.now()
      owed = Math.min(owed + ((nowMs - atMs) * this.#plan.recordsPerSecond) / 1000, this.#plan.recordsPerSecond)
      atMs = nowMs
      if (this.ledger.unsettled > mostUnsettled) continue
      const count = Math.floor(owed)
      owed -= count
      await this.#send(count)
    }
  }

  async #send(count: number): Promise<void> {
    const { call } = this.#plan
    if (call === 'enqueue') {
      for (let sent = 0; sent < count; sent++) if (!this.#enqueue()) await this.#producer.room().catch(() => {})
      return
    }
    const records = Array.from({ length: count }, () => this.#record())
    if (call === 'arrays') {
      const numbers = records.map(({ number }) => number)
      this.#settle(numbers, this.#producer.send(records.map(({ record }) => record)))
      return
    }
    for (const { number, record } of records) this.#settle([number], this.#producer.send(record))
  }

  #record() {
    const { number, value } = this.ledger.next()
    const { namesPartitions } = this.#plan
    const record = { topic: this.#topic, value }
    return { number, record: namesPartitions ? { ...record, partition: number % this.#partitions } : record }
  }

  #enqueue(): boolean {
    const { number, record } = this.#record()
    try {
      return this.#producer.enqueue(record, (error, receipt) => this.ledger.settle(number, error, receipt))
    } catch (error) {
      if (!KafkaError.is(error)) throw error
      this.ledger.settle(number, error, undefined)
      return false
    }
  }

  #settle(numbers: readonly number[], sending: Promise<Receipt | Receipt[]>): void {
    sending.then(
      (result) => {
        const receipts = Array.isArray(result) ? result : [result]
        for (const [at, number] of numbers.entries()) this.ledger.settle(number, undefined, receipts[at])
      },
      (error: unknown) => {
        if (!KafkaError.is(error)) throw error
        for (const [at, number] of numbers.entries()) {
          const own = error instanceof SendError ? error.results[at] : error
          if (KafkaError.is(own)) this.ledger.settle(number, own, undefined)
          else this.ledger.settle(number, undefined, own)
        }
      },
    )
  }
}

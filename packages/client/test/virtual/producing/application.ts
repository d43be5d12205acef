import { KafkaError, type Producer, type ProducerRecord, type Receipt, SendError } from '../../../src/index.ts'
import type { ChaosRandom } from '../chaos-random.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'
import type { ProducerFeature, ProducerPlan } from './plan.ts'

/** What an application sees of the world. */
export interface ApplicationWorld {
  readonly plan: ProducerPlan
  readonly ledger: Ledger
  /** Nothing is disturbed any more. */
  readonly isCalm: boolean
  nowMs(): number
  sleep(ms: number): Promise<void>
  count(dimension: string): void
  note(event: string): void
  violation(what: string): void
  /** Partitions that a record may name: also one that was just added, or is gone again. */
  partitionCount(topic: string): number
}

/** A record with objects of the application, which uses them again after the call. */
interface OwnRecord {
  topic: string
  value: string | Uint8Array
  key?: string | null
  partition?: number
  headers?: Record<string, Uint8Array>
}

const idleMs = 400_000
const largeBytes = 1_400

/** One producer and the code that calls it, as applications do. */
export class ChaosApplication {
  readonly name: string
  readonly producer: Producer
  readonly #world: ApplicationWorld
  readonly #random: ChaosRandom
  readonly #pending = new Set<Promise<unknown>>()
  #order = 0
  #isEnded = false

  constructor(world: ApplicationWorld, name: string, producer: Producer, random: ChaosRandom) {
    this.name = name
    this.producer = producer
    this.#world = world
    this.#random = random
    const { acks, idempotent, maxInFlight } = producer.options
    world.ledger.producers.set(name, { name, acks, idempotent, keepsOrder: idempotent || maxInFlight === 1 })
  }

  /** Calls the producer until the end of the faults, or until it closes the producer. */
  async live(untilMs: number): Promise<void> {
    const { plan } = this.#world
    const closes = this.#has('close midway', 0.8)
    const closesAtMs = closes ? this.#world.nowMs() + this.#random.between(100, 5_000) : Number.POSITIVE_INFINITY
    while (this.#world.nowMs() < untilMs) {
      await this.#world.sleep(this.#random.between(1, 2 * plan.paceMs))
      if (this.#world.nowMs() > closesAtMs && !this.#world.isCalm) {
        this.#world.count('closed midway')
        await this.close(this.#random.pick([0, 500, 3_000, 20_000]))
        return
      }
      await this.#act()
    }
  }

  async close(timeoutMs: number): Promise<void> {
    this.#isEnded = true
    this.#world.note(`${this.name} closes within ${timeoutMs} ms`)
    const atMs = this.#world.nowMs()
    await this.producer.close({ timeoutMs }).catch((error: unknown) => this.#expectKafkaError('close()', error))
    const tookMs = this.#world.nowMs() - atMs
    if (tookMs > timeoutMs + 1_000)
      this.#world.violation(`${this.name}: close(${timeoutMs}) took ${Math.round(tookMs)} ms`)
    await Promise.all(this.#pending)
    this.checkRest()
  }

  /** All is settled: no record is charged to the buffer. */
  checkRest(): void {
    const left = [...this.#world.ledger.entries.values()].filter(
      ({ producer, settledMs }) => producer === this.name && settledMs === undefined,
    )
    if (left.length > 0) {
      this.#world.violation(`${this.name} leaves ${left.length} records unsettled: ${left[0]?.value}`)
      return
    }
    const { bufferedBytes } = this.producer
    if (bufferedBytes !== 0) this.#world.violation(`${this.name} has ${bufferedBytes} bytes in its buffer at rest`)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** A record when no fault is left: returns why it was not acknowledged. */
  async probe(topic: string, partition: number): Promise<KafkaError | undefined> {
    await this.producer.room()
    const entry = this.#entryOf(topic, partition, undefined)
    await this.#settling([entry], this.producer.send({ topic, partition, value: entry.value }))
    return entry.error
  }

  #has(feature: ProducerFeature, probability: number): boolean {
    return this.#world.plan.features.has(feature) && this.#random.withProbability(probability)
  }

  async #act(): Promise<void> {
    const random = this.#random
    if (this.#has('idle topics', 0.02)) {
      this.#world.count('idle topic')
      await this.#world.sleep(idleMs)
    }
    const calls = this.#has('bursts', 0.05) ? random.whole(20, 80) : 1
    for (let call = 0; call < calls && !this.#isEnded; call++) await this.#call()
    if (this.#has('flush', 0.1)) this.#track(this.#flush())
  }

  async #call(): Promise<void> {
    if (this.#has('enqueue', 0.5)) await this.#enqueue()
    else if (this.#has('arrays', 0.4)) this.#sendMany()
    else this.#sendOne()
  }

  #track(promise: Promise<unknown>): void {
    this.#pending.add(promise)
    void promise.finally(() => this.#pending.delete(promise))
  }

  async #flush(): Promise<void> {
    const { ledger } = this.#world
    const before = [...ledger.entries.values()].filter(
      ({ producer, settledMs }) => producer === this.name && settledMs === undefined,
    )
    this.#world.count('flush')
    try {
      await this.producer.flush()
    } catch (error) {
      this.#expectKafkaError('flush()', error)
      return
    }
    // A promise settles a turn later.
    await Promise.resolve()
    await this.#world.sleep(1)
    const left = before.find(({ settledMs }) => settledMs === undefined)
    if (left !== undefined) this.#world.violation(`flush() has resolved before ${left.value} is settled`)
  }

  #entryOf(
    topic: string,
    partition: number | undefined,
    key: string | undefined,
    call: LedgerEntry['call'] = 'send',
  ): LedgerEntry {
    const { ledger } = this.#world
    const random = this.#random
    const padding = this.#has('large records', 0.1) ? largeBytes : random.whole(0, 120)
    const acceptedMs = this.#world.nowMs()
    return ledger.accept({
      value: `${this.name}-${this.#order} ${'x'.repeat(padding)}`,
      producer: this.name,
      order: this.#order++,
      topic,
      partition,
      key,
      call,
      acceptedMs,
      deadlineMs: acceptedMs + this.producer.options.deliveryTimeoutMs,
    })
  }

  /** A record of a topic of the run, with an entry in the ledger. */
  #next(call: LedgerEntry['call'] = 'send'): { entry: LedgerEntry; record: OwnRecord } {
    const random = this.#random
    const topic = random.pick(this.#world.plan.topics).name
    const isNamed = this.#has('named partitions', 0.5)
    const partition = isNamed ? random.whole(0, this.#world.partitionCount(topic) - 1) : undefined
    const key = partition === undefined && this.#has('keys', 0.6) ? `k${random.whole(0, 20)}` : undefined
    const entry = this.#entryOf(topic, partition, key, call)
    const value = this.#has('objects used again', 0.5) ? Buffer.from(entry.value) : entry.value
    const record: OwnRecord = { topic, value }
    if (key !== undefined) record.key = key
    if (partition !== undefined) record.partition = partition
    if (random.withProbability(0.1)) record.headers = { h: Buffer.from('header') }
    return { entry, record }
  }

  #sendOne(): void {
    const { entry, record } = this.#next()
    const { signal, options } = this.#signal()
    this.#track(this.#settling([entry], this.producer.send(record as ProducerRecord, options)))
    this.#useAgain([record])
    this.#abortLater(signal)
  }

  #sendMany(): void {
    const pairs = Array.from({ length: this.#random.whole(1, 12) }, () => this.#next())
    const records = pairs.map(({ record }) => record)
    const { signal, options } = this.#signal()
    this.#world.count('array')
    const entries = pairs.map(({ entry }) => entry)
    this.#track(this.#settling(entries, this.producer.send(records as ProducerRecord[], options)))
    this.#useAgain(records)
    this.#abortLater(signal)
  }

  async #enqueue(): Promise<void> {
    const { ledger, isCalm } = this.#world
    const { entry, record } = this.#next('enqueue')
    this.#world.count('enqueue')
    let hasRoom = true
    try {
      hasRoom = this.producer.enqueue(record as ProducerRecord, (error, receipt) =>
        ledger.settle(entry, error, receipt),
      )
    } catch (error) {
      if (!KafkaError.is(error)) throw error
      ledger.withdraw(entry, error)
      if (error.code === 'BUFFER_FULL') hasRoom = false
    }
    this.#useAgain([record])
    if (hasRoom || isCalm) return
    this.#world.count('room')
    await this.producer.room().catch((error: unknown) => this.#expectKafkaError('room()', error))
  }

  #signal(): { signal: AbortController | undefined; options: { signal: AbortSignal } | undefined } {
    if (!this.#has('aborts', 0.3)) return { signal: undefined, options: undefined }
    const signal = new AbortController()
    return { signal, options: { signal: signal.signal } }
  }

  #abortLater(signal: AbortController | undefined): void {
    if (signal === undefined) return
    this.#world.count('abort')
    this.#track(this.#world.sleep(this.#random.between(0, 2_000)).then(() => signal.abort()))
  }

  /** Whatever the application does with its objects after the call, the log does not show it. */
  #useAgain(records: OwnRecord[]): void {
    if (!this.#has('objects used again', 0.7)) return
    this.#world.count('objects used again')
    for (const record of records) {
      if (typeof record.value !== 'string') record.value.fill(33)
      for (const header of Object.values(record.headers ?? {})) header.fill(33)
      record.topic = 'not-a-topic'
      record.value = 'changed after the call'
      record.key = 'changed after the call'
      record.partition = 0
    }
    records.length = 0
  }

  /** Resolves, whatever the result is. */
  async #settling(entries: readonly LedgerEntry[], sending: Promise<Receipt | Receipt[]>): Promise<void> {
    const { ledger } = this.#world
    try {
      const result = await sending
      const receipts = Array.isArray(result) ? result : [result]
      if (receipts.length !== entries.length) this.#world.violation(`${this.name}: ${receipts.length} receipts`)
      for (const [at, entry] of entries.entries()) ledger.settle(entry, undefined, receipts[at])
    } catch (error) {
      this.#expectKafkaError('send()', error)
      if (!KafkaError.is(error)) return
      for (const [at, entry] of entries.entries()) {
        const own = error instanceof SendError ? error.results[at] : error
        if (KafkaError.is(own)) ledger.settle(entry, own, undefined)
        else ledger.settle(entry, undefined, own)
      }
    }
  }

  #expectKafkaError(call: string, error: unknown): void {
    if (!KafkaError.is(error)) this.#world.violation(`${this.name}: ${call} rejects with ${String(error)}`)
  }
}

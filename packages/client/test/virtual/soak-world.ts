import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createCluster, type TestCluster } from '@ottla/testkit'
import { type Consumer, Kafka, KafkaError, type Producer, silentLogger } from '../../src/index.ts'
import { SoakFaults, type Trouble } from './soak-faults.ts'

const topic = 'events'
const partitions = 3

export interface SoakOptions {
  readonly seed: number
  readonly hours: number
}

export interface SoakReport {
  readonly seed: number
  readonly events: number
  readonly hash: string
  readonly acknowledged: number
  readonly refused: number
  readonly delivered: number
  readonly rejoined: number
  readonly faults: Readonly<Record<string, number>>
  /** Used heap after a quarter of the time and at its end. */
  readonly heapMb: readonly [first: number, last: number]
}

/** A cluster in virtual time with active clients and faults. Invariants are checked continuously and at the end. */
export class SoakWorld {
  readonly #options: SoakOptions
  readonly #cluster: TestCluster
  readonly #faults: SoakFaults
  readonly #producers: Kafka
  readonly #consumers: Kafka
  /** Acknowledged records that are not delivered yet. */
  readonly #owed = new Set<string>()
  /** Records that were delivered before their acknowledgement. */
  readonly #early = new Set<string>()
  #acknowledged = 0
  #refused = 0
  #delivered = 0
  #rejoined = 0
  #nextValue = 0
  #isProducing = true
  #isConsuming = true

  private constructor(cluster: TestCluster, options: SoakOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#faults = new SoakFaults(cluster)
    const { bootstrap: brokers, runtime } = cluster
    const common = { brokers, runtime, logger: silentLogger }
    this.#producers = new Kafka({ ...common, clientId: 'soak-producer' })
    this.#consumers = new Kafka({ ...common, clientId: 'soak-consumer' })
  }

  static async run(options: SoakOptions): Promise<SoakReport> {
    const configs = { 'min.insync.replicas': 2, 'retention.ms': 7_200_000, 'segment.ms': 600_000 }
    const cluster = await createCluster({
      time: 'virtual',
      seed: options.seed,
      checkReplicas: true,
      leakCheck: true,
      topics: [{ name: topic, partitions, replicationFactor: 3, configs }],
      config: { 'offsets.topic.num.partitions': 2, 'broker.session.timeout.ms': 9_000 },
    })
    const world = new SoakWorld(cluster, options)
    try {
      const report = await cluster.run(() => world.#live(), { limit: `${options.hours + 3}h` })
      await cluster.close()
      return report
    } catch (error) {
      // After a failure the leak check would hide the cause.
      await cluster.close().catch(() => {})
      const at = `seed ${options.seed}, ${Math.round((cluster.virtual?.nowMs ?? 0) / 1000)} s of virtual time`
      throw new Error(`${at}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }

  async #live(): Promise<SoakReport> {
    const producing = [this.#produce(this.#producers.producer()), this.#produce(this.#producers.producer())]
    const consuming = [this.#consume(0), this.#consume(1)]
    const troubles = this.#trouble()
    const workers = [...producing, ...consuming]
    // A failing worker ends the run; otherwise none ends before the time is over.
    await Promise.race([troubles, Promise.all(workers)])
    const heapMb = await troubles
    this.#isProducing = false
    await Promise.all(producing)
    await this.#until('everything acknowledged is delivered', () => this.#owed.size === 0)
    await this.#until('all replicas are in sync and equal', () => this.#difference() === undefined)
    this.#isConsuming = false
    await Promise.all(consuming)
    await this.#producers.close()
    await this.#consumers.close()
    return this.#report(heapMb)
  }

  async #produce(producer: Producer): Promise<void> {
    while (this.#isProducing) {
      const values = Array.from({ length: 1 + Math.floor(this.#faults.between(0, 4)) }, () => `v${this.#nextValue++}`)
      await Promise.all(values.map((value) => this.#send(producer, value)))
      await this.#sleep(this.#faults.between(100, 20_000))
    }
  }

  async #send(producer: Producer, value: string): Promise<void> {
    try {
      await producer.send({ topic, value })
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      // Not acknowledged: it may or may not be in the log.
      this.#refused++
      this.#early.delete(value)
      return
    }
    this.#acknowledged++
    if (!this.#early.delete(value)) this.#owed.add(value)
  }

  async #consume(number: number): Promise<void> {
    while (this.#isConsuming) {
      const consumer = this.#consumers.consumer({
        groupId: 'soak',
        topics: [topic],
        offsetReset: 'earliest',
        maxWaitMs: 5_000,
      })
      const endsAtMs = this.#nowMs + this.#faults.between(60_000, 3_600_000)
      try {
        await this.#read(consumer, endsAtMs)
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        // A fatal error ends a consumer; another one replaces it.
        await this.#sleep(1_000 + number)
      }
      await consumer.close()
      this.#rejoined++
    }
  }

  async #read(consumer: Consumer, endsAtMs: number): Promise<void> {
    while (this.#isConsuming && this.#nowMs < endsAtMs) {
      for (const message of await consumer.poll({ maxRecords: 100, timeoutMs: 10_000 })) {
        const value = String(message.value)
        this.#delivered++
        // A record without acknowledgement can only be one of the latest.
        if (!this.#owed.delete(value) && Number(value.slice(1)) > this.#nextValue - 100) this.#early.add(value)
      }
      if (this.#early.size > 1_000) for (const value of [...this.#early].slice(0, 500)) this.#early.delete(value)
    }
  }

  /** Injects one fault after the other, sometimes two at the same time, until the time is over; then heals all. */
  async #trouble(): Promise<[number, number]> {
    const endsAtMs = this.#options.hours * 3_600_000
    const open: Trouble[] = []
    const healing: (Promise<void> | void)[] = []
    let firstMb: number | undefined
    while (this.#nowMs < endsAtMs) {
      await this.#sleep(this.#faults.between(5_000, 120_000))
      if (open.length === 0 || this.#faults.between(0, 1) < 0.2) open.push(await this.#faults.strike())
      await this.#sleep(this.#faults.between(500, 45_000))
      // A disconnected broker cannot rejoin before its network heals: it is not awaited here.
      while (open.length > Math.floor(this.#faults.between(0, 2))) healing.push(open.shift()?.heal())
      if (firstMb === undefined && this.#nowMs > endsAtMs / 4) firstMb = usedMb()
    }
    for (const trouble of open) healing.push(trouble.heal())
    await Promise.all(healing)
    const lastMb = usedMb()
    return [firstMb ?? lastMb, lastMb]
  }

  /** Without faults and load, all replicas are in sync and equal. */
  #difference(): string | undefined {
    for (const { name, partitions: all } of this.#cluster.state().topics) {
      for (const { partition, isr, replicas, logs } of all) {
        if (isr.length !== replicas.length) return `${name}-${partition}: the ISR is ${isr} of ${replicas}`
        if (new Set(logs.map(({ logEndOffset }) => logEndOffset)).size > 1) return `${name}-${partition}: logs differ`
      }
    }
    return undefined
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const giveUpAtMs = this.#nowMs + 600_000
    while (!condition()) {
      if (this.#nowMs > giveUpAtMs) {
        const owed = [...this.#owed].slice(0, 5)
        throw new Error(`ten minutes without faults did not suffice until ${what}: ${this.#difference()} ${owed}`)
      }
      await this.#sleep(1_000)
    }
  }

  get #nowMs(): number {
    return this.#cluster.virtual?.nowMs ?? 0
  }

  #sleep(ms: number): Promise<void> {
    return this.#cluster.clock.advance(ms)
  }

  #report(heapMb: [number, number]): SoakReport {
    const { virtual } = this.#cluster
    return {
      seed: this.#options.seed,
      events: virtual?.eventCount ?? 0,
      hash: virtual?.eventHash ?? '',
      acknowledged: this.#acknowledged,
      refused: this.#refused,
      delivered: this.#delivered,
      rejoined: this.#rejoined,
      faults: Object.fromEntries(this.#faults.counts),
      heapMb,
    }
  }
}

/** Counts only reachable memory. */
function usedMb(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return Math.round(process.memoryUsage().heapUsed / 1e5) / 10
}

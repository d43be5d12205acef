import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, type Producer, silentLogger } from '../../../src/index.ts'
import type { JavaPeer } from '../beside-java/java-peer.ts'
import type { Random } from './random.ts'

const everyMs = 50
const recordsEach = 10
/** Above this many unsettled records the load waits: the brokers are down. */
const mostUnsettled = 5_000
const transactionEveryMs = 3_000

/** Producers with acks=all, and transactions of Java's producer, whose markers take offsets too. */
export class Load {
  readonly acknowledged = new Set<string>()
  failed = 0
  #sent = 0
  #unsettled = 0
  #stopping = false
  readonly #kafka: Kafka
  readonly #producer: Producer
  readonly #topic: string
  readonly #partitions: number
  readonly #random: Random
  #running: Promise<unknown> = Promise.resolve()

  constructor(bootstrap: readonly string[], topic: string, partitions: number, random: Random) {
    this.#kafka = new Kafka({ brokers: bootstrap, logger: silentLogger })
    this.#producer = this.#kafka.producer({ acks: 'all', deliveryTimeoutMs: 300_000 })
    this.#topic = topic
    this.#partitions = partitions
    this.#random = random
  }

  get sent(): number {
    return this.#sent
  }

  get unsettled(): number {
    return this.#unsettled
  }

  start(peer: () => JavaPeer | undefined): void {
    this.#running = Promise.all([this.#send(), this.#transact(peer)])
  }

  /** Resolves when every record is acknowledged or failed. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
    await this.#producer.flush()
    await this.#kafka.close()
  }

  #values(count: number, prefix: string): string[] {
    return Array.from({ length: count }, () => `${prefix}${this.#sent++}`)
  }

  async #send(): Promise<void> {
    while (!this.#stopping) {
      await sleep(everyMs)
      if (this.#unsettled > mostUnsettled) continue
      const partition = this.#random.below(this.#partitions)
      const values = this.#values(recordsEach, 'v')
      this.#unsettled += values.length
      const sending = this.#producer.send(values.map((value) => ({ topic: this.#topic, partition, value })))
      const settled = (acknowledged: boolean) => {
        this.#unsettled -= values.length
        if (!acknowledged) this.failed += values.length
        if (acknowledged) for (const value of values) this.acknowledged.add(value)
      }
      sending.then(
        () => settled(true),
        () => settled(false),
      )
    }
  }

  async #transact(peer: () => JavaPeer | undefined): Promise<void> {
    while (!this.#stopping) {
      await sleep(transactionEveryMs)
      const java = peer()
      if (java === undefined || !java.running) continue
      const values = this.#values(5, 't')
      const how = this.#random.below(3) === 0 ? 'abort' : 'commit'
      try {
        const end = await java.begin(this.#topic, this.#random.below(this.#partitions), values)
        await end(how)
        if (how === 'commit') for (const value of values) this.acknowledged.add(value)
      } catch {
        // The Java program was killed, or a broker: the transaction ends by its timeout.
        this.failed += values.length
      }
    }
  }
}

import type { TopicPartition } from '../../cluster/topology.ts'
import { asKafkaError, type KafkaError } from '../../errors.ts'
import { PartitionSet } from '../../group/membership.ts'

export interface RegistrationHost {
  /** Sends AddPartitionsToTxn until it succeeds. */
  add(partitions: readonly TopicPartition[]): Promise<void>
  /** More partitions are part of the transaction. */
  onAdded(): void
  onFailed(error: KafkaError): void
}

/**
 * The partitions of the open transaction at a coordinator without KIP-890, which must have each one before the first record is
 * written to it. One request is in flight; it contains the partitions that were named in one turn of the event loop, or meanwhile.
 */
export class Registration {
  readonly #host: RegistrationHost
  #added = new PartitionSet()
  /** Added or wanted. */
  #named = new PartitionSet()
  /** In the order in which they were named; the first ones are in the request in flight. */
  #wanted: TopicPartition[] = []
  #running: Promise<void> | undefined

  constructor(host: RegistrationHost) {
    this.#host = host
  }

  /** Whether records can be written to the partition; otherwise it is registered, and `onAdded` follows. */
  has(topic: string, partition: number): boolean {
    const place = { topic, partition }
    if (this.#added.has(place)) return true
    if (!this.#named.has(place)) {
      this.#named.add(place)
      this.#wanted.push(place)
      this.#running ??= this.#run()
    }
    return false
  }

  /** Resolves when no request is in flight. Never rejects. */
  async settled(): Promise<void> {
    await this.#running
  }

  /** A transaction begins: it has no partitions. Only while no request is in flight. */
  reset(): void {
    this.#added = new PartitionSet()
    this.#named = new PartitionSet()
    this.#wanted = []
  }

  async #run(): Promise<void> {
    // What is named in the same turn shares the request.
    await Promise.resolve()
    while (this.#wanted.length > 0) {
      const partitions = [...this.#wanted]
      try {
        await this.#host.add(partitions)
      } catch (error) {
        this.#wanted = []
        this.#running = undefined
        this.#host.onFailed(asKafkaError(error, 'Adding partitions to a transaction'))
        return
      }
      this.#wanted = this.#wanted.slice(partitions.length)
      for (const place of partitions) this.#added.add(place)
      if (this.#wanted.length === 0) this.#running = undefined
      this.#host.onAdded()
    }
  }
}

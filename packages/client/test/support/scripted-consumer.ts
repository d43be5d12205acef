import { expect } from 'vitest'
import type { Consumer, ConsumerOptions, KafkaOptions } from '../../src/index.ts'
import { scriptSoloGroup } from './scripted-group.ts'
import { ScriptedKafka } from './scripted-kafka.ts'
import { ScriptedLog, serveLogs } from './scripted-log.ts'

/** Consumers of the topic 't' on scripted brokers: its batches are made by hand, its group 'g' has one member. */
export class ScriptedConsumer {
  readonly logs: ScriptedLog[]
  /** The committed offset of each partition. */
  readonly committed: Map<number, bigint>
  readonly #scripted: ScriptedKafka

  constructor({ partitions = 1, ...options }: { partitions?: number; nodes?: number } & Partial<KafkaOptions> = {}) {
    this.#scripted = new ScriptedKafka(options)
    this.logs = Array.from({ length: partitions }, () => new ScriptedLog())
    serveLogs(this.#scripted, 't', this.logs)
    this.committed = scriptSoloGroup(this.peer)
  }

  /** Partition 0. */
  get log(): ScriptedLog {
    return this.logs[0]!
  }

  get peer() {
    return this.#scripted.peer
  }

  get runtime() {
    return this.#scripted.runtime
  }

  consumer(options: Partial<ConsumerOptions> = {}): Consumer {
    return this.#scripted.kafka.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest', ...options })
  }

  /** The client must leave nothing behind. */
  async close(): Promise<void> {
    expect(await this.#scripted.close()).toEqual({ timers: 0, sockets: 0 })
  }
}

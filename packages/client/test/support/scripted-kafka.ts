import { Kafka } from '../../src/kafka.ts'
import { silentLogger } from '../../src/logger.ts'
import type { KafkaOptions } from '../../src/options.ts'
import { ManualRuntime } from './manual-runtime.ts'
import { ScriptedBroker } from './scripted-broker.ts'

/** A client of scripted brokers, on time that the test advances. */
export class ScriptedKafka {
  readonly runtime = new ManualRuntime()
  readonly peer: ScriptedBroker
  readonly kafka: Kafka

  constructor({ nodes = 1, ...options }: { nodes?: number } & Partial<KafkaOptions> = {}) {
    this.peer = new ScriptedBroker(this.runtime.network, nodes)
    const { runtime } = this
    this.kafka = new Kafka({ brokers: this.peer.bootstrap, runtime, logger: silentLogger, ...options })
  }

  /** Closes the client. Resolves to what it left open, which must be nothing. */
  async close(): Promise<{ timers: number; sockets: number }> {
    const closed = this.kafka.close()
    await this.runtime.advance(20_000)
    await closed
    return { timers: this.runtime.pendingTimers, sockets: this.runtime.network.open.length }
  }
}

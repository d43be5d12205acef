import type { Runtime, Timer } from '@ottla/runtime'
import type { BrokerConfig } from '../configs/broker-config.ts'
import type { MetadataView } from '../metadata-view.ts'
import type { Replica } from './replica.ts'

export interface LogUpkeepOptions {
  readonly brokerId: number
  readonly runtime: Runtime
  readonly config: BrokerConfig
  readonly view: MetadataView
  readonly replicas: () => Iterable<Replica>
}

/** Periodic work on the logs of one broker: retention, and the expiration of idempotent producers. */
export class LogUpkeep {
  readonly #options: LogUpkeepOptions
  #retentionTimer: Timer | undefined
  #producersTimer: Timer | undefined

  constructor(options: LogUpkeepOptions) {
    this.#options = options
  }

  start(): void {
    this.#watchRetention()
    this.#watchProducers()
  }

  halt(): void {
    const { runtime } = this.#options
    if (this.#retentionTimer !== undefined) runtime.clearTimer(this.#retentionTimer)
    this.#retentionTimer = undefined
    if (this.#producersTimer !== undefined) runtime.clearTimer(this.#producersTimer)
    this.#producersTimer = undefined
  }

  /** Deletes old segments now; this also runs every log.retention.check.interval.ms. Each replica cleans only its own log. */
  applyRetention(): void {
    const { runtime, replicas } = this.#options
    const nowMs = runtime.wallNow()
    for (const replica of replicas()) {
      const { retentionMs, retentionBytes, isDeletedByAge } = replica.settings
      const moved = replica.log.applyRetention({ nowMs, retentionMs, retentionBytes, isDeleted: isDeletedByAge })
      if (moved) replica.logStartMoved()
    }
  }

  /** Removes producers that were idle for producer.id.expiration.ms: their next sequence number may be any. */
  #expireProducers(): void {
    const { brokerId, runtime, config, view, replicas } = this.#options
    const dynamic = view.brokerConfig(brokerId, 'producer.id.expiration.ms')
    const expirationMs = dynamic === undefined ? config.number('producer.id.expiration.ms') : Number(dynamic)
    const nowMs = runtime.wallNow()
    for (const { log } of replicas()) log.producers.expireNow(nowMs, expirationMs, log.transactions.isProducerOpen)
  }

  #watchRetention(): void {
    const { runtime, config } = this.#options
    this.#retentionTimer = runtime.setTimer(() => {
      this.applyRetention()
      this.#watchRetention()
    }, config.number('log.retention.check.interval.ms'))
  }

  #watchProducers(): void {
    const { runtime, config } = this.#options
    this.#producersTimer = runtime.setTimer(() => {
      this.#expireProducers()
      this.#watchProducers()
    }, config.number('producer.id.expiration.check.interval.ms'))
  }
}

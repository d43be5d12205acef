import type { KafkaError } from '../errors.ts'
import type { Counter, Metrics } from '../metrics.ts'
import type { ProducerBatch } from './producer-batch.ts'

/** Values that are read on demand. */
export interface ProducerGauges {
  readonly bufferedBytes: () => number
  readonly unsettledBatches: () => number
  readonly inFlight: () => number
}

/** Counts once per batch, never per record. */
export class ProducerMetrics {
  readonly #requests: Counter
  readonly #batches: Counter
  readonly #bytes: Counter
  readonly #retries: Counter
  readonly #records: Counter
  readonly #failures: Counter
  readonly #releases: readonly (() => void)[]
  #lastError: KafkaError | undefined

  constructor(metrics: Metrics, gauges: ProducerGauges) {
    this.#requests = metrics.counter('producer.requests')
    this.#batches = metrics.counter('producer.batches')
    this.#bytes = metrics.counter('producer.bytes')
    this.#retries = metrics.counter('producer.retries')
    this.#records = metrics.counter('producer.records')
    this.#failures = metrics.counter('producer.failedRecords')
    const { bufferedBytes, unsettledBatches, inFlight } = gauges
    this.#releases = [
      metrics.gauge('producer.bufferedBytes', bufferedBytes),
      metrics.gauge('producer.unsettledBatches', unsettledBatches),
      metrics.gauge('producer.inFlightRequests', inFlight),
      metrics.health(() => ({
        kind: 'producer',
        name: 'producer',
        healthy: this.#lastError === undefined,
        details: {
          bufferedBytes: bufferedBytes(),
          unsettledBatches: unsettledBatches(),
          inFlightRequests: inFlight(),
          ...(this.#lastError === undefined ? {} : { lastError: this.#lastError.message }),
        },
      })),
    ]
  }

  /** A request is about to be sent. */
  sent(batches: readonly ProducerBatch[]): void {
    this.#requests.add(1)
    this.#batches.add(batches.length)
    let bytes = 0
    let retries = 0
    for (const batch of batches) {
      bytes += batch.byteLength
      if (batch.attempts > 1) retries++
    }
    this.#bytes.add(bytes)
    if (retries > 0) this.#retries.add(retries)
  }

  /** A batch is settled. Only failures of the cluster make the producer unhealthy, not invalid records. */
  settled(batch: ProducerBatch, error: KafkaError | undefined): void {
    if (batch.result.parts === undefined) (error === undefined ? this.#records : this.#failures).add(batch.count)
    this.#lastError = error?.retriable === true || error?.fatal === true ? error : undefined
  }

  /** Records that were appended to no batch failed. */
  failed(records: number): void {
    this.#failures.add(records)
  }

  close(): void {
    for (const release of this.#releases) release()
  }
}

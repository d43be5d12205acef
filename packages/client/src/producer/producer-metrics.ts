import type { ErrorCode, KafkaError } from '../errors.ts'
import type { CounterName, HistogramName } from '../metrics/catalog.ts'
import { type Labels, remainder } from '../metrics/family.ts'
import type { Histogram } from '../metrics/histogram.ts'
import type { Counter, Metrics } from '../metrics.ts'
import type { ProducerBatch } from './producer-batch.ts'

/** Values that are read on demand. */
export interface ProducerGauges {
  readonly bufferedBytes: () => number
  readonly unsettledBatches: () => number
  readonly inFlight: () => number
}

/** The label of producers that are closed: a program may create many. */
const closedProducer = '(closed)'

const topicCounters = [
  'producer.batches',
  'producer.bytes',
  'producer.retries',
  'producer.records',
] as const satisfies readonly CounterName[]

const topicHistograms = [
  'producer.queueMs',
  'producer.deliveryMs',
  'producer.batchBytes',
  'producer.batchRecords',
  'producer.compressionRatio',
] as const satisfies readonly HistogramName[]

/** The series of one topic. */
class TopicSeries {
  readonly batches: Counter
  readonly bytes: Counter
  readonly retries: Counter
  readonly records: Counter
  readonly queueMs: Histogram
  readonly deliveryMs: Histogram
  readonly batchBytes: Histogram
  readonly batchRecords: Histogram
  readonly #metrics: Metrics
  readonly #labels: Labels
  readonly #failures = new Map<ErrorCode, Counter>()
  #compressionRatio: Histogram | undefined

  constructor(metrics: Metrics, labels: Labels) {
    this.#metrics = metrics
    this.#labels = labels
    this.batches = metrics.counter('producer.batches', labels)
    this.bytes = metrics.counter('producer.bytes', labels)
    this.retries = metrics.counter('producer.retries', labels)
    this.records = metrics.counter('producer.records', labels)
    this.queueMs = metrics.histogram('producer.queueMs', labels)
    this.deliveryMs = metrics.histogram('producer.deliveryMs', labels)
    this.batchBytes = metrics.histogram('producer.batchBytes', labels)
    this.batchRecords = metrics.histogram('producer.batchRecords', labels)
  }

  /** Only with compression. */
  get compressionRatio(): Histogram {
    this.#compressionRatio ??= this.#metrics.histogram('producer.compressionRatio', this.#labels)
    return this.#compressionRatio
  }

  failed(code: ErrorCode, records: number): void {
    let counter = this.#failures.get(code)
    if (counter === undefined) {
      counter = this.#metrics.counter('producer.failedRecords', { ...this.#labels, code })
      this.#failures.set(code, counter)
    }
    counter.add(records)
  }

  /** Adds everything to other series, and removes these. */
  foldInto(other: TopicSeries): void {
    const [from, into] = [this.#labels, other.#labels]
    for (const name of topicCounters) this.#metrics.foldCounter(name, from, into)
    for (const name of topicHistograms) this.#metrics.foldHistogram(name, from, into)
    for (const code of this.#failures.keys()) {
      other.failed(code, 0)
      this.#metrics.foldCounter('producer.failedRecords', { ...from, code }, { ...into, code })
    }
  }
}

/** Counts once per batch, never per record. */
export class ProducerMetrics {
  readonly #metrics: Metrics
  readonly #producer: string
  readonly #requests: Counter
  readonly #topics = new Map<string, TopicSeries>()
  readonly #releases: readonly (() => void)[]
  #lastError: KafkaError | undefined

  /** `producer` is its label. */
  constructor(metrics: Metrics, producer: string, gauges: ProducerGauges) {
    this.#metrics = metrics
    this.#producer = producer
    const labels = { producer }
    this.#requests = metrics.counter('producer.requests', labels)
    const { bufferedBytes, unsettledBatches, inFlight } = gauges
    this.#releases = [
      metrics.gauge('producer.bufferedBytes', bufferedBytes, labels),
      metrics.gauge('producer.unsettledBatches', unsettledBatches, labels),
      metrics.gauge('producer.inFlightRequests', inFlight, labels),
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
  sent(batches: readonly ProducerBatch[], nowMs: number): void {
    this.#requests.add(1)
    for (const batch of batches) {
      const series = this.#of(batch.result.topic)
      const { byteLength, writer } = batch
      series.batches.add(1)
      series.bytes.add(byteLength)
      if (batch.attempts > 1) {
        series.retries.add(1)
        continue
      }
      series.queueMs.record(nowMs - batch.createdMs)
      series.batchBytes.record(byteLength)
      series.batchRecords.record(batch.count)
      if (byteLength !== writer.byteLength) series.compressionRatio.record(writer.byteLength / byteLength)
    }
  }

  /** A batch is settled. Only failures of the cluster make the producer unhealthy, not invalid records. */
  settled(batch: ProducerBatch, error: KafkaError | undefined, nowMs: number): void {
    // The batches with its records are counted.
    if (batch.result.parts !== undefined) return
    this.#lastError = error?.retriable === true || error?.fatal === true ? error : undefined
    const series = this.#of(batch.result.topic)
    if (error !== undefined) {
      series.failed(error.code, batch.count)
      return
    }
    series.records.add(batch.count)
    series.deliveryMs.record(nowMs - batch.createdMs)
  }

  /** Records that were appended to no batch failed. */
  failed(topic: string, code: ErrorCode, records: number): void {
    this.#of(topic).failed(code, records)
  }

  /** A topic is not used any more: its series become part of the remainder. */
  forget(topic: string): void {
    const series = this.#topics.get(topic)
    if (series === undefined) return
    series.foldInto(this.#of(remainder))
    this.#topics.delete(topic)
  }

  close(): void {
    for (const release of this.#releases) release()
    for (const [topic, series] of this.#topics) {
      series.foldInto(new TopicSeries(this.#metrics, { producer: closedProducer, topic }))
    }
    this.#topics.clear()
    this.#metrics.foldCounter('producer.requests', { producer: this.#producer }, { producer: closedProducer })
  }

  #of(topic: string): TopicSeries {
    let series = this.#topics.get(topic)
    if (series === undefined) {
      series = new TopicSeries(this.#metrics, { producer: this.#producer, topic })
      this.#topics.set(topic, series)
    }
    return series
  }
}

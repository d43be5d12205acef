import type { Broker } from '../cluster/broker.ts'
import { type ProduceEnded, produceChannels } from '../diagnostics.ts'
import { callSafely, Emitter } from '../emitter.ts'
import { meaningOf } from '../error-meaning.ts'
import type { KafkaError } from '../errors.ts'
import type { ProducerEventMap, ProducerIdentity } from './events.ts'
import type { ProducerInterceptor, SettledRecords } from './interceptors.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import { type ProducerGauges, ProducerMetrics } from './producer-metrics.ts'

/** Records that failed with one error before they were in a batch. */
interface Refused {
  readonly topic: string
  readonly error: KafkaError
  records: number
  unreported: boolean
}

/** Reports what becomes of the batches of a producer: in its metrics, its diagnostics channels, its events, and to its interceptors. */
export class ProducerObserver {
  /** The producer's label in metrics and messages. */
  readonly name: string
  readonly events: Emitter<ProducerEventMap>
  readonly #cluster: ProducerCluster
  readonly #metrics: ProducerMetrics
  readonly #interceptors: readonly ProducerInterceptor[]
  /** To be reported together, in the order of the failures. */
  #refused: Refused[] = []

  constructor(
    cluster: ProducerCluster,
    name: string,
    interceptors: readonly ProducerInterceptor[],
    gauges: ProducerGauges,
  ) {
    this.name = name
    this.#cluster = cluster
    this.events = new Emitter(cluster.logger)
    this.#metrics = new ProducerMetrics(cluster.metrics, name, gauges)
    this.#interceptors = interceptors.filter(({ onSettled }) => onSettled !== undefined)
  }

  /** A request with these batches is about to be sent. */
  sent(batches: readonly ProducerBatch[], brokerId: number): void {
    const nowMs = this.#cluster.runtime.monoNow()
    this.#metrics.sent(batches, nowMs)
    if (!produceChannels.active) return
    for (const batch of batches) if (batch.attempts === 1) this.#begin(batch, this.#cluster.broker(brokerId), nowMs)
  }

  #begin(batch: ProducerBatch, broker: Broker | undefined, nowMs: number): void {
    const { topic, partition } = batch.result
    batch.published = produceChannels.create({
      clientId: this.#cluster.options.clientId,
      producer: this.name,
      clusterId: this.#cluster.clusterId,
      topic,
      partition,
      broker: broker === undefined ? undefined : { id: broker.id, host: broker.host, port: broker.port },
      records: batch.count,
      bytes: batch.byteLength,
      uncompressedBytes: batch.writer.byteLength,
      queueMs: nowMs - batch.createdMs,
    })
    produceChannels.start(batch.published)
  }

  /** A batch has its result. */
  settled(batch: ProducerBatch, error: KafkaError | undefined): void {
    const nowMs = this.#cluster.runtime.monoNow()
    this.#metrics.settled(batch, error, nowMs)
    // The batches that its records moved to are reported.
    if (batch.result.parts !== undefined) return
    const { topic, partition, baseOffset: offset } = batch.result
    const { count: records, unreported } = batch
    const baseOffset = offset < 0n ? undefined : offset
    this.#end(batch, error === undefined ? 'acknowledged' : 'failed', baseOffset, error, nowMs)
    this.#callInterceptors({ topic, partition, records, baseOffset, error })
    if (error !== undefined) this.#deliveryFailed({ topic, partition, records, unreported, error })
  }

  /** The records of a batch are in other batches now. */
  moved(batch: ProducerBatch): void {
    this.#end(batch, 'moved', undefined, batch.lastError, this.#cluster.runtime.monoNow())
  }

  #end(
    batch: ProducerBatch,
    result: ProduceEnded['result'],
    baseOffset: bigint | undefined,
    error: KafkaError | undefined,
    nowMs: number,
  ): void {
    const { published, attempts } = batch
    if (published === undefined) return
    batch.published = undefined
    const durationMs = nowMs - batch.createdMs - published.queueMs
    produceChannels.end(published, { durationMs, result, attempts, baseOffset, error })
  }

  /** The broker rejected some records of a batch; the others are in another one now. */
  rejected({ result, lastError: error, unreported }: ProducerBatch, records: number): void {
    if (error === undefined) return
    const { topic, partition } = result
    this.#metrics.failed(topic, error.code, records)
    this.#callInterceptors({ topic, partition, records, baseOffset: undefined, error })
    this.#deliveryFailed({ topic, partition, records, unreported, error })
  }

  /** A record was appended to no batch. `unreported`: it has neither a promise nor a callback. */
  refused(topic: string, error: KafkaError, unreported: boolean): void {
    this.#metrics.failed(topic, error.code, 1)
    const last = this.#refused.at(-1)
    if (last?.error === error && last.topic === topic) {
      last.records++
      last.unreported ||= unreported
      return
    }
    if (last === undefined) queueMicrotask(() => this.#reportRefused())
    this.#refused.push({ topic, error, records: 1, unreported })
  }

  #reportRefused(): void {
    const all = this.#refused
    this.#refused = []
    for (const { topic, error, records, unreported } of all) {
      this.#callInterceptors({ topic, partition: undefined, records, baseOffset: undefined, error })
      this.#deliveryFailed({ topic, partition: undefined, records, unreported, error })
    }
  }

  #callInterceptors(settled: SettledRecords): void {
    for (const interceptor of this.#interceptors) {
      const fields = { topic: settled.topic }
      callSafely(this.#cluster.logger, 'an interceptor threw', fields, () => interceptor.onSettled?.(settled))
    }
  }

  #deliveryFailed(event: Parameters<ProducerEventMap['deliveryFailed']>[0]): void {
    if (meaningOf(event.error.code).ended !== 'aborted') this.events.emit('deliveryFailed', event)
  }

  identityChanged(previous: ProducerIdentity, current: ProducerIdentity | undefined): void {
    this.events.emit('identityChanged', { previous: plain(previous), current: current && plain(current) })
  }

  /** A topic is not used any more. */
  forget(topic: string): void {
    this.#metrics.forget(topic)
  }

  close(): void {
    this.#metrics.close()
  }
}

function plain({ producerId, epoch }: ProducerIdentity): ProducerIdentity {
  return { producerId, epoch }
}

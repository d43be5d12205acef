import { Produce, type ProduceResponse } from '@ottla/codec'
import type { Broker, RequestOptions } from '../cluster/broker.ts'
import { KafkaError } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import { highestVersion, produceBody } from './produce-request.ts'
import { settleFailure, settlePending, settleResponse } from './produce-response.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import type { WriterPool } from './writer-pool.ts'

export interface SinkParts {
  readonly cluster: ProducerCluster
  readonly options: ResolvedProducerOptions
  readonly pool: WriterPool
  /** A request leaves, with so many batches and records. */
  sent(batches: readonly ProducerBatch[]): void
  /** What the cache says about these topics was wrong, or may be. */
  refresh(reason: string, topics: readonly string[]): void
}

/**
 * What goes to one broker. A broker serves one request of a connection at a time, so a second small one would only wait there:
 * what is not full yet leaves when nothing is under way, and gathers meanwhile. Full batches leave at once, up to
 * `maxInFlight` requests.
 */
export class Sink {
  readonly brokerId: number
  readonly #parts: SinkParts
  /** In the order they came: each partition is served in its turn, however busy the others are. */
  readonly #ready = new Queue<PartitionBuffer>()
  /** How many of them have a first batch that takes no more records. */
  #complete = 0
  #inFlight = 0
  #scheduled = false
  /** The last request could not take all that was ready. */
  #isUnderBackpressure = false
  readonly #drain = () => this.#drainReady()

  constructor(brokerId: number, parts: SinkParts) {
    this.brokerId = brokerId
    this.#parts = parts
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** A partition may have something to send; `complete` when its first batch takes no more records. */
  offer(partition: PartitionBuffer, complete: boolean): void {
    if (partition.listed === 'no') this.#ready.push(partition)
    if (complete && partition.listed !== 'complete') this.#complete++
    if (complete || partition.listed === 'no') partition.listed = complete ? 'complete' : 'partial'
    this.#schedule()
  }

  /** For a partition that moves to another sink. */
  forget(partition: PartitionBuffer): void {
    if (partition.listed !== 'no') this.#ready.remove(partition)
    this.#unlist(partition)
  }

  #unlist(partition: PartitionBuffer): void {
    if (partition.listed === 'complete') this.#complete--
    partition.listed = 'no'
  }

  // At the end of the turn: what the caller sends in a row, or in answer to one response, goes together.
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#parts.cluster.runtime.defer(this.#drain)
  }

  #drainReady(): void {
    this.#scheduled = false
    const { cluster, options } = this.#parts
    const nowMs = cluster.runtime.monoNow()
    while (
      this.#inFlight === 0 ||
      (this.#inFlight < options.maxInFlight && (this.#complete > 0 || this.#isUnderBackpressure))
    ) {
      const batches = this.#collect(nowMs)
      if (batches.length === 0) return
      void this.#send(batches)
    }
  }

  /** The batches of one request: the first of each ready partition. */
  #collect(nowMs: number): ProducerBatch[] {
    const batches: ProducerBatch[] = []
    const { maxRequestBytes } = this.#parts.options
    let bytes = 0
    this.#isUnderBackpressure = false
    for (let first = this.#ready.peek(); first !== undefined; first = this.#ready.peek()) {
      if (batches.length > 0 && bytes + first.firstBytes > maxRequestBytes) {
        this.#isUnderBackpressure = true
        break
      }
      this.#ready.shift()
      this.#unlist(first)
      const batch = first.take(nowMs)
      if (batch === undefined) continue
      batches.push(batch)
      bytes += batch.byteLength
    }
    // A request carries one batch a partition; the next ones line up again.
    for (const { partition } of batches) partition.touch()
    return batches
  }

  async #send(batches: readonly ProducerBatch[]): Promise<void> {
    const { cluster } = this.#parts
    this.#inFlight++
    this.#parts.sent(batches)
    const broker = cluster.broker(this.brokerId)
    let flushed = false
    try {
      if (broker === undefined) throw unknownBroker(this.brokerId)
      const response = await this.#exchange(broker, batches, () => {
        flushed = true
      })
      const stale = response === undefined ? settlePending(batches) : settleResponse(batches, response, broker, cluster)
      if (stale.length > 0) this.#parts.refresh('a produce answer says that leaders moved', stale)
      if (flushed) this.#recycle(batches)
    } catch (error) {
      settleFailure(batches, error, broker)
      const topics = new Set(batches.map(({ partition }) => partition.topic.name))
      this.#parts.refresh('a produce request failed', [...topics])
    }
    this.#inFlight--
    this.#schedule()
  }

  /** The broker's answer; undefined with acks=0, when the bytes have left. */
  async #exchange(
    broker: Broker,
    batches: readonly ProducerBatch[],
    onFlushed: () => void,
  ): Promise<ProduceResponse | undefined> {
    const { options } = this.#parts
    const body = (version: number) => produceBody(batches, options, version)
    const request: RequestOptions = {
      purpose: 'produce',
      timeoutMs: options.requestTimeoutMs,
      maxVersion: highestVersion(batches),
      onFlushed,
    }
    if (options.acks !== 0) return broker.request(Produce, body, request)
    await broker.fireAndForget(Produce, body, request)
    return undefined
  }

  /** Gives back the buffers of batches whose only attempt has left the socket and is answered: nobody reads them any more. */
  #recycle(batches: readonly ProducerBatch[]): void {
    for (const batch of batches) {
      const { settled, attempts, sealing, tooLarge } = batch
      if (settled && attempts === 1 && !sealing && !tooLarge) this.#parts.pool.give(batch.writer)
    }
  }
}

function unknownBroker(id: number): KafkaError {
  const message = `Broker ${id} is not in the metadata`
  return new KafkaError('CONNECTION_FAILED', message, { retriable: true, outcome: 'not-written' })
}

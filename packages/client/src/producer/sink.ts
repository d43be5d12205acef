import { Produce, type ProduceResponse } from '@ottla/codec'
import type { Broker, ConnectionPurpose, RequestOptions } from '../cluster/broker.ts'
import { KafkaError } from '../errors.ts'
import { Queue } from '../runtime/queue.ts'
import type { Leader } from './adaptive-choice.ts'
import type { ProduceInTransaction } from './identity.ts'
import type { ResolvedProducerOptions } from './options.ts'
import { highestVersion, produceBody } from './produce-request.ts'
import { settleFailure, settleResponse, settleUnacknowledged } from './produce-response.ts'
import type { ProducerBatch } from './producer-batch.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import type { ProducerObserver } from './producer-observer.ts'
import type { WriterPool } from './writer-pool.ts'

/** A request that has been silent for this long may be at a broker that hangs. */
export const silentAfterMs = 1_000

export interface SinkParts {
  readonly cluster: ProducerCluster
  /** Of this producer alone: a broker holds a request with acks=all until the followers have its records. */
  readonly purpose: ConnectionPurpose
  readonly options: ResolvedProducerOptions
  readonly pool: WriterPool
  /** Undefined for a producer without transactions. */
  readonly transaction: ProduceInTransaction | undefined
  /** A request has ended: its batches are settled or wait for another one. */
  ended(): void
  readonly observer: Pick<ProducerObserver, 'sent' | 'events'>
  /** A request is about to be sent. */
  sent(): void
  /** The cached metadata of these topics is stale, or may be. */
  refresh(reason: string, topics: readonly string[]): void
}

/** A partition with batches to send, in the queue of its sink. */
export interface QueuedPartition {
  /** Whether it is in the queue, and whether its first batch takes more records. */
  queued: 'no' | 'partial' | 'complete'
  /** The size of the first waiting batch in a request. */
  readonly firstBytes: number
  /** The next batch to send; undefined when none may be sent. */
  take(nowMs: number): ProducerBatch | undefined
}

/**
 * Sends the batches for one broker. A broker serves one request of a connection at a time, so a second small one would only wait
 * there: batches that are not full are sent when nothing is in flight, and fill up meanwhile. Full batches are sent immediately,
 * in up to `maxInFlight` requests.
 */
export class Sink implements Leader {
  readonly brokerId: number
  readonly #parts: SinkParts
  /** In the order in which they were enqueued, so that a busy partition does not starve the others. */
  readonly #ready = new Queue<QueuedPartition>()
  /** How many of them have a first batch that takes no more records. */
  #complete = 0
  /** The batches of each request in flight, in the order of the requests. */
  readonly #inFlight = new Set<readonly ProducerBatch[]>()
  /** Since when the first request in flight has waited for its response. */
  #silentSinceMs = 0
  #throttledUntilMs = 0
  /** Since when requests have been sent and none was acknowledged. */
  #stalledSinceMs: number | undefined
  /** Of its partitions: bytes accepted and not settled. */
  loadBytes = 0
  partitionCount = 0
  #scheduled = false
  /** The last request had no space for all that was ready. */
  #requestWasFull = false
  readonly #drain = () => this.#drainReady()

  constructor(brokerId: number, parts: SinkParts) {
    this.brokerId = brokerId
    this.#parts = parts
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  /** Since when the broker has not responded although a request is in flight; undefined: none is. */
  get silentSinceMs(): number | undefined {
    return this.#inFlight.size === 0 ? undefined : this.#silentSinceMs
  }

  /** Why the broker acknowledges nothing at the moment. */
  delay(nowMs: number): string | undefined {
    if (nowMs < this.#throttledUntilMs) return `broker ${this.brokerId} throttles the client`
    const silentMs = this.silentSinceMs === undefined ? 0 : Math.round(nowMs - this.silentSinceMs)
    return silentMs < silentAfterMs ? undefined : `broker ${this.brokerId} has not responded for ${silentMs} ms`
  }

  /** The topics of the batches in flight. */
  get topicsInFlight(): Set<string> {
    return new Set([...this.#inFlight].flatMap((batches) => batches.map(({ partition }) => partition.topic.name)))
  }

  /**
   * A silent broker is no longer the leader of a partition in flight: closes the connection, so that its batches are sent to the new
   * leader, under the same numbers. The others in flight are sent again, too; a broker recognises those that it has.
   */
  leaveSilentLeader(nowMs: number): void {
    const silentMs = nowMs - this.#silentSinceMs
    if (this.#inFlight.size === 0 || silentMs < silentAfterMs) return
    const moved = [...this.#inFlight].flat().filter(({ partition }) => partition.hasMovedFrom(this.brokerId))
    if (moved.length === 0) return
    const partitions = moved.map(({ result: { topic, partition } }) => ({ topic, partition }))
    this.#parts.observer.events.emit('leaderMoved', { brokerId: this.brokerId, silentMs, partitions })
    this.#parts.cluster.broker(this.brokerId)?.closeConnection(this.#parts.purpose)
  }

  /** A partition may have something to send; `complete` when its first batch takes no more records. */
  enqueue(partition: QueuedPartition, complete: boolean): void {
    if (partition.queued === 'no') this.#ready.push(partition)
    if (complete && partition.queued !== 'complete') this.#complete++
    if (complete || partition.queued === 'no') partition.queued = complete ? 'complete' : 'partial'
    this.#schedule()
  }

  isStalled(nowMs: number): boolean {
    return this.loadBytes > 0 && this.#stalledSinceMs !== undefined && nowMs - this.#stalledSinceMs >= silentAfterMs
  }

  /** A partition with these bytes gets this leader. */
  add(loadBytes: number): void {
    this.partitionCount++
    this.loadBytes += loadBytes
  }

  /** For a partition that moves to another sink. */
  remove(partition: QueuedPartition, loadBytes: number): void {
    this.partitionCount--
    this.loadBytes -= loadBytes
    if (partition.queued !== 'no') this.#ready.remove(partition)
    this.#dequeue(partition)
  }

  #dequeue(partition: QueuedPartition): void {
    if (partition.queued === 'complete') this.#complete--
    partition.queued = 'no'
  }

  // At the end of the turn of the event loop: what the caller sends in one turn shares a request.
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
      this.#inFlight.size === 0 ||
      (this.#inFlight.size < options.maxInFlight && (this.#complete > 0 || this.#requestWasFull))
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
    this.#requestWasFull = false
    for (let first = this.#ready.peek(); first !== undefined; first = this.#ready.peek()) {
      if (batches.length > 0 && bytes + first.firstBytes > maxRequestBytes) {
        this.#requestWasFull = true
        break
      }
      this.#ready.shift()
      this.#dequeue(first)
      const batch = first.take(nowMs)
      if (batch === undefined) continue
      batches.push(batch)
      bytes += batch.byteLength
    }
    // A request contains one batch per partition; the next ones are enqueued again.
    for (const { partition } of batches) partition.schedule()
    return batches
  }

  async #send(batches: readonly ProducerBatch[]): Promise<void> {
    const { cluster } = this.#parts
    if (this.#inFlight.size === 0) this.#silentSinceMs = cluster.runtime.monoNow()
    this.#stalledSinceMs ??= cluster.runtime.monoNow()
    this.#inFlight.add(batches)
    this.#parts.observer.sent(batches, this.brokerId)
    this.#parts.sent()
    const broker = cluster.broker(this.brokerId)
    let flushed = false
    try {
      if (broker === undefined) throw unknownBroker(this.brokerId)
      const response = await this.#exchange(broker, batches, () => {
        flushed = true
      })
      if (response !== undefined) this.#throttle(broker, response.throttleTimeMs)
      const stale =
        response === undefined ? settleUnacknowledged(batches) : settleResponse(batches, response, broker, cluster)
      if (stale.length > 0) this.#parts.refresh('a produce response shows that leaders moved', stale)
      this.#stalledSinceMs = this.#inFlight.size > 1 ? cluster.runtime.monoNow() : undefined
      if (flushed) this.#recycle(batches)
    } catch (error) {
      settleFailure(batches, error, broker)
      const topics = new Set(batches.map(({ partition }) => partition.topic.name))
      this.#parts.refresh('a produce request failed', [...topics])
    }
    this.#inFlight.delete(batches)
    this.#silentSinceMs = cluster.runtime.monoNow()
    this.#parts.ended()
    this.#schedule()
  }

  #throttle({ id, host, port }: Broker, throttleMs: number): void {
    this.#throttledUntilMs = this.#parts.cluster.runtime.monoNow() + throttleMs
    if (throttleMs > 0) this.#parts.observer.events.emit('throttled', { broker: { id, host, port }, throttleMs })
  }

  /** The broker's response; undefined with acks=0, once the bytes are written. */
  async #exchange(
    broker: Broker,
    batches: readonly ProducerBatch[],
    onFlushed: () => void,
  ): Promise<ProduceResponse | undefined> {
    const { options, purpose, transaction } = this.#parts
    const body = (version: number) => produceBody(batches, options, version, transaction?.transactionalId)
    const request: RequestOptions = {
      purpose,
      timeoutMs: options.requestTimeoutMs,
      silentMs: options.silentMs,
      maxVersion: highestVersion(batches),
      ...transaction?.produceVersions,
      onFlushed,
    }
    if (options.acks !== 0) return broker.request(Produce, body, request)
    await broker.fireAndForget(Produce, body, request)
    return undefined
  }

  /** Returns the buffers of batches whose only attempt was written and acknowledged: nothing reads them any more. */
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

import { Produce } from '@ottla/codec'
import { KafkaError } from '../errors.ts'
import { Fifo } from './fifo.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import { highestVersion, produceBody } from './produce-request.ts'
import { type AttemptPlace, settleAnswer, settleFailure, settleUnanswered } from './produce-response.ts'
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

/** Numbers the requests as they are put together, so that a partition that stands in both lists is asked once. */
let collections = 0

/**
 * What goes to one broker. A broker serves one request of a connection at a time, so a second small one would only wait there:
 * what is not full yet leaves when nothing is under way, and gathers meanwhile. Full batches leave at once, up to
 * `maxInFlight` requests.
 */
export class Sink {
  readonly brokerId: number
  readonly #parts: SinkParts
  /** Partitions whose first batch may still grow, and those whose first batch is complete. */
  readonly #partial = new Fifo<PartitionBuffer>()
  readonly #full = new Fifo<PartitionBuffer>()
  #inFlight = 0
  #scheduled = false
  /** The last request could not take all that was ready. */
  #crowded = false
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
    if (complete) {
      if (!partition.listedFull) {
        partition.listedFull = true
        this.#full.push(partition)
      }
    } else if (!partition.listedPartial) {
      partition.listedPartial = true
      this.#partial.push(partition)
    }
    this.#schedule()
  }

  /** Takes the partition's marks off, when it moves to another sink. */
  forget(partition: PartitionBuffer): void {
    if (partition.listedFull) this.#full.remove(partition)
    if (partition.listedPartial) this.#partial.remove(partition)
    partition.listedFull = false
    partition.listedPartial = false
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
    while (this.#inFlight === 0 || (this.#inFlight < options.maxInFlight && (this.#full.length > 0 || this.#crowded))) {
      const batches = this.#collect(nowMs)
      if (batches.length === 0) return
      this.#send(batches)
    }
  }

  /** The batches of one request: the first of each ready partition, complete ones first. */
  #collect(nowMs: number): ProducerBatch[] {
    const batches: ProducerBatch[] = []
    const { maxRequestBytes } = this.#parts.options
    const collection = ++collections
    let bytes = 0
    this.#crowded = false
    for (;;) {
      const partition = this.#full.first() ?? this.#partial.first()
      if (partition === undefined) break
      if (batches.length > 0 && bytes + partition.firstBytes > maxRequestBytes) {
        this.#crowded = true
        break
      }
      this.#unlist(partition)
      if (partition.collectedIn === collection) continue
      partition.collectedIn = collection
      const batch = partition.take(nowMs)
      if (batch === undefined) continue
      batches.push(batch)
      bytes += batch.byteLength
    }
    // A request carries one batch a partition; the next ones line up again.
    for (const { partition } of batches) partition.touch()
    return batches
  }

  #unlist(partition: PartitionBuffer): void {
    if (this.#full.first() === partition) {
      this.#full.shift()
      partition.listedFull = false
    } else {
      this.#partial.shift()
      partition.listedPartial = false
    }
  }

  #send(batches: readonly ProducerBatch[]): void {
    const { cluster, options } = this.#parts
    this.#inFlight++
    this.#parts.sent(batches)
    const broker = cluster.broker(this.brokerId)
    if (broker === undefined) {
      const message = `Broker ${this.brokerId} is not in the metadata`
      this.#failed(
        batches,
        undefined,
        new KafkaError('CONNECTION_FAILED', message, { retriable: true, outcome: 'not-written' }),
      )
      return
    }
    let flushed = false
    const body = (version: number) => produceBody(batches, options, version)
    const request = {
      lane: 'produce',
      timeoutMs: options.requestTimeoutMs,
      maxVersion: highestVersion(batches),
      onFlushed: () => {
        flushed = true
      },
    } as const
    const place: AttemptPlace = { broker, cluster }
    if (options.acks === 0) {
      broker.fireAndForget(Produce, body, request).then(
        () => this.#done(batches, true, () => settleUnanswered(batches)),
        (error) => this.#failed(batches, place, error),
      )
      return
    }
    broker.request(Produce, body, request).then(
      (response) =>
        this.#done(batches, flushed, () => {
          const stale = settleAnswer(batches, response, place)
          if (stale.length > 0) this.#parts.refresh('a produce answer says that leaders moved', stale)
        }),
      (error) => this.#failed(batches, place, error),
    )
  }

  #done(batches: readonly ProducerBatch[], flushed: boolean, settle: () => void): void {
    this.#inFlight--
    settle()
    for (const batch of batches) {
      // Its only attempt is answered and has left the socket: nobody reads these bytes any more.
      if (flushed && batch.attempts === 1 && batch.settled && !batch.sealing && !batch.tooLarge) {
        this.#parts.pool.give(batch.writer)
      }
    }
    this.#schedule()
  }

  #failed(batches: readonly ProducerBatch[], place: AttemptPlace | undefined, error: unknown): void {
    this.#inFlight--
    settleFailure(batches, error, place)
    const topics = new Set(batches.map(({ partition }) => partition.topic.name))
    this.#parts.refresh('a produce request failed', [...topics])
    this.#schedule()
  }
}

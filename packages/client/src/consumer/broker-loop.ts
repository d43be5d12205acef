import { Fetch, type FetchRequest } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import { retryPause } from '../cluster/retry-backoff.ts'
import { noTopicId } from '../cluster/topology.ts'
import { isTransient, meaningOf } from '../error-meaning.ts'
import { kafkaErrorOf } from '../errors.ts'
import { WakeUp } from '../runtime/wait.ts'
import type { Cursor } from './cursor.ts'
import { acceptFetch, type FetchSink } from './fetch-response.ts'
import { FetchSession } from './fetch-session.ts'
import type { Prefetch } from './prefetch.ts'
import type { SourceCluster, SourceOptions } from './source-options.ts'

/** While partitions are left out because their bytes wait for delivery, a fetch waits only so long: they may be wanted soon. */
const firstShortWaitMs = 10

const longestMaxVersion = 18
const versionWithoutIds = 12

/** What a loop shares with those of the other brokers. */
export interface LoopHost {
  readonly cursors: ReadonlySet<Cursor>
  brokersInUse(): number
  /** Partitions for which it only was the nearest replica are read elsewhere. */
  unreachable(broker: Broker): void
  readonly sink: FetchSink
}

/** Fetches from one broker: the next request leaves when an answer has been received, not when it was processed. */
export class BrokerLoop {
  readonly #broker: Broker
  readonly #cluster: SourceCluster
  readonly #options: SourceOptions
  readonly #prefetch: Prefetch
  readonly #host: LoopHost
  readonly #session = new FetchSession()
  readonly #wake = new WakeUp()
  readonly #stop = new AbortController()
  /** What the fetch under way asks for, and from where. */
  #underWay = new Map<Cursor, number>()
  /** Partitions that are ready while a fetch without them is under way. */
  readonly #late = new Set<Cursor>()
  #asking = false
  #failures = 0
  #sentMs = 0
  #shortWaitMs = firstShortWaitMs
  /** Waits because too many bytes are buffered. */
  starved = false
  fetching = false

  constructor(broker: Broker, cluster: SourceCluster, options: SourceOptions, prefetch: Prefetch, host: LoopHost) {
    this.#broker = broker
    this.#cluster = cluster
    this.#options = options
    this.#prefetch = prefetch
    this.#host = host
  }

  wake(): void {
    this.#shortWaitMs = firstShortWaitMs
    this.#wake.wake()
  }

  stop(): void {
    this.#stop.abort(new Error('fetching stopped'))
    this.#broker.closeConnection(this.#options.purpose)
    this.#broker.closeConnection(this.#options.lateConnection)
  }

  /** A partition has just become ready. It does not have to wait for the end of a fetch that waits for other partitions. */
  ready(cursor: Cursor): void {
    this.wake()
    if (!this.fetching || this.#underWay.get(cursor) === cursor.fetchOffset) return
    this.#late.add(cursor)
    if (!this.#asking) void this.#askLate()
  }

  async run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        const request = this.#request()
        if (request === undefined) await this.#wake.wait(signal)
        else await this.#fetch(request, signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error, signal)
      }
    }
  }

  #request(): FetchRequest | undefined {
    const { maxBufferedBytes, maxBytes, partitionMaxBytes, maxWaitMs, minBytes, isolation, rack } = this.#options
    const { wanted, full, pausedBytes } = this.#choose()
    const roomBytes = maxBufferedBytes - this.#prefetch.bufferedBytes + pausedBytes
    this.starved = roomBytes <= 0
    if (this.starved || wanted.length === 0) return undefined
    const share = Math.max(partitionMaxBytes, Math.floor(roomBytes / Math.max(1, this.#host.brokersInUse())))
    this.#underWay = new Map(wanted.map((cursor) => [cursor, cursor.fetchOffset]))
    return {
      maxWaitMs: full ? this.#shortWait() : maxWaitMs,
      minBytes,
      maxBytes: Math.min(maxBytes, share),
      isolationLevel: isolation === 'read_committed' ? 1 : 0,
      rackId: rack ?? '',
      ...this.#session.next(wanted, this.#topicIdOf, partitionMaxBytes),
    }
  }

  readonly #topicIdOf = ({ topic }: Cursor): string => this.#cluster.topic(topic)?.topicId ?? noTopicId

  /** One fetch that does not wait, outside the session and on a socket of its own; from then on the loop asks for them. */
  async #askLate(): Promise<void> {
    const { lateConnection, partitionMaxBytes, isolation, rack } = this.#options
    const { signal } = this.#stop
    const committedOnly = isolation === 'read_committed'
    this.#asking = true
    try {
      // Partitions mostly become ready together.
      await Promise.resolve()
      while (this.#late.size > 0 && this.fetching && !this.starved && !signal.aborted) {
        const cursors = [...this.#late].filter((cursor) => cursor.fetchable)
        this.#late.clear()
        if (cursors.length === 0) break
        const session = new FetchSession()
        const request = {
          ...session.next(cursors, this.#topicIdOf, partitionMaxBytes),
          sessionEpoch: -1,
          maxWaitMs: 0,
          minBytes: 0,
          maxBytes: partitionMaxBytes * cursors.length,
          isolationLevel: committedOnly ? 1 : 0,
          rackId: rack ?? '',
        }
        const maxVersion = session.withIds ? longestMaxVersion : versionWithoutIds
        const response = await this.#broker.request(Fetch, request, { purpose: lateConnection, signal, maxVersion })
        if (!signal.aborted && response.errorCode === 0) {
          acceptFetch(response, session, committedOnly, this.#host.sink)
        }
      }
    } catch {
      // The loop's next request asks for them all the same, and it deals with what is wrong.
    } finally {
      this.#late.clear()
      this.#asking = false
    }
  }

  /**
   * The partitions of this broker that may get more bytes; `full` when others were left out because they have enough. What paused
   * partitions hold must not keep the others from being read.
   */
  #choose(): { wanted: Cursor[]; full: boolean; pausedBytes: number } {
    const wanted: Cursor[] = []
    let full = false
    let pausedBytes = 0
    const { cursors } = this.#host
    const limitBytes = Math.max(this.#options.partitionMaxBytes, this.#options.maxBufferedBytes / (2 * cursors.size))
    for (const cursor of cursors) {
      if (cursor.paused) pausedBytes += cursor.bufferedBytes
      if ((cursor.preferred ?? cursor.leader) !== this.#broker || !cursor.fetchable) continue
      if (cursor.bufferedBytes >= limitBytes) full = true
      else wanted.push(cursor)
    }
    return { wanted, full, pausedBytes }
  }

  #shortWait(): number {
    const waitMs = Math.min(this.#shortWaitMs, this.#options.maxWaitMs)
    this.#shortWaitMs = waitMs * 2
    return waitMs
  }

  async #fetch(request: FetchRequest, signal: AbortSignal): Promise<void> {
    const { purpose, maxWaitMs, isolation } = this.#options
    this.fetching = true
    this.#sentMs = this.#cluster.runtime.monoNow()
    try {
      const response = await this.#broker.request(Fetch, request, {
        purpose,
        signal,
        timeoutMs: maxWaitMs + this.#cluster.options.requestTimeoutMs,
        maxVersion: this.#session.withIds ? longestMaxVersion : versionWithoutIds,
      })
      if (signal.aborted) return
      if (response.errorCode !== 0) return this.#sessionLost(response.errorCode)
      this.#failures = 0
      this.#cluster.learnBrokers(response.nodeEndpoints.map((node) => ({ ...node, id: node.nodeId })))
      this.#session.accepted(response.sessionId)
      acceptFetch(response, this.#session, isolation === 'read_committed', this.#host.sink)
    } finally {
      this.fetching = false
    }
  }

  /** The broker dropped the session, or lost count: a full request opens a new one. */
  #sessionLost(code: number): void {
    this.#session.reset()
    if (meaningOf(code).fetchSessionLost) return
    throw kafkaErrorOf(code, 'Fetching', { broker: this.#broker })
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { runtime, options, logger } = this.#cluster
    if (!isTransient(error)) {
      this.#stop.abort(error)
      this.#options.onFatal(error)
      return
    }
    this.#session.reset()
    // A connection that was cut after waiting for a while worked until then: that is no reason for a longer pause.
    if (runtime.monoNow() - this.#sentMs > options.retryBackoffMaxMs / 2) this.#failures = 0
    this.#failures++
    this.#host.unreachable(this.#broker)
    logger.debug('fetching failed', { broker: this.#broker.id, error: String(error) })
    this.#cluster.refreshMetadata('a fetch failed').catch(() => {})
    await retryPause(this.#cluster, this.#failures, signal)
  }
}

import { Fetch, type FetchRequest } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import { retryPause } from '../cluster/retry-backoff.ts'
import { noTopicId } from '../cluster/topology.ts'
import { isTransient, meaningOf } from '../error-meaning.ts'
import { kafkaErrorOf } from '../errors.ts'
import { WakeUp } from '../runtime/wait.ts'
import type { Cursor } from './cursor.ts'
import { acceptFetch, type FetchListener } from './fetch-response.ts'
import { FetchSession } from './fetch-session.ts'
import type { Prefetch } from './prefetch.ts'
import type { SourceCluster, SourceOptions } from './source-options.ts'

/** First wait of a fetch that omits partitions with undelivered bytes: their bytes may be consumed soon. */
const firstShortWaitMs = 10

const longestMaxVersion = 18
const versionWithoutIds = 12

/** What the loops of all brokers share. */
export interface LoopHost {
  readonly cursors: ReadonlySet<Cursor>
  brokersInUse(): number
  /** Partitions that preferred this follower are read from their leaders again. */
  unreachable(broker: Broker): void
  readonly listener: FetchListener
}

/** Fetches from one broker. The next request is sent when a response arrives, without waiting for its processing. */
export class BrokerLoop {
  readonly #broker: Broker
  readonly #cluster: SourceCluster
  readonly #options: SourceOptions
  readonly #prefetch: Prefetch
  readonly #host: LoopHost
  readonly #session = new FetchSession()
  readonly #wake = new WakeUp()
  readonly #stop = new AbortController()
  /** The partitions of the fetch in flight, with their offsets. */
  #inFlight = new Map<Cursor, number>()
  /** Partitions that became ready after the fetch in flight was sent. */
  readonly #late = new Set<Cursor>()
  #fetchingLate = false
  #failures = 0
  #sentMs = 0
  #shortWaitMs = firstShortWaitMs
  /** Waits because the buffer is full. */
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
    this.#broker.closeConnection(this.#options.latePurpose)
  }

  /** A partition became ready. It is fetched without waiting for a long poll of the other partitions. */
  ready(cursor: Cursor): void {
    this.wake()
    if (!this.fetching || this.#inFlight.get(cursor) === cursor.fetchOffset) return
    this.#late.add(cursor)
    if (!this.#fetchingLate) void this.#fetchLate()
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
    this.#inFlight = new Map(wanted.map((cursor) => [cursor, cursor.fetchOffset]))
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

  /**
   * Sends one immediate fetch, outside the session and on its own connection. Afterwards the loop includes these
   * partitions.
   */
  async #fetchLate(): Promise<void> {
    const { latePurpose, partitionMaxBytes, isolation, rack } = this.#options
    const { signal } = this.#stop
    const committedOnly = isolation === 'read_committed'
    this.#fetchingLate = true
    try {
      // Partitions usually become ready together.
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
        const response = await this.#broker.request(Fetch, request, { purpose: latePurpose, signal, maxVersion })
        if (!signal.aborted && response.errorCode === 0) {
          acceptFetch(response, session, committedOnly, this.#host.listener)
        }
      }
    } catch {
      // The loop's next request includes these partitions and handles the failure.
    } finally {
      this.#late.clear()
      this.#fetchingLate = false
    }
  }

  /**
   * The partitions of this broker to fetch; `full` when others were omitted because their buffers are full. The bytes
   * of paused partitions must not block the others.
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
      this.#cluster.addBrokers(response.nodeEndpoints.map((node) => ({ ...node, id: node.nodeId })))
      this.#session.accepted(response.sessionId)
      acceptFetch(response, this.#session, isolation === 'read_committed', this.#host.listener)
    } finally {
      this.fetching = false
    }
  }

  /** The broker dropped the session or expects another epoch: a full request opens a new session. */
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
    // A connection that broke after a long poll had worked until then, so the backoff starts over.
    if (runtime.monoNow() - this.#sentMs > options.retryBackoffMaxMs / 2) this.#failures = 0
    this.#failures++
    this.#host.unreachable(this.#broker)
    logger.debug('fetching failed', { broker: this.#broker.id, error: String(error) })
    this.#cluster.refreshMetadata('a fetch failed').catch(() => {})
    await retryPause(this.#cluster, this.#failures, signal)
  }
}

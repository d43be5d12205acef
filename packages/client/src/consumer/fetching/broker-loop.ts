import type { FetchResponse } from '@ottla/codec'
import type { Broker, ConnectionPurpose } from '../../cluster/broker.ts'
import { retryPause } from '../../cluster/retry-backoff.ts'
import { isTransient, meaningOf } from '../../error-meaning.ts'
import { KafkaError, kafkaErrorOf } from '../../errors.ts'
import { sleep, WakeUp } from '../../runtime/wait.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { acceptFetch, type FetchResult } from './fetch-response.ts'
import { FetchSession } from './fetch-session.ts'
import { LateFetch } from './late-fetch.ts'
import { fetchRequest, type LoopHost, sendFetch } from './loop-host.ts'
import { Pacing } from './pacing.ts'
import { brokerIdOf, hasIds, type LoopKey } from './partitions-by-broker.ts'

/** First wait of a fetch that omits partitions with undelivered bytes: their bytes may be consumed soon. */
const firstShortWaitMs = 10

/** The partitions to fetch. */
interface Choice {
  readonly wanted: AssignedPartition[]
  /** Others were omitted because their buffers are full. */
  full: boolean
  /** Some have to be read from the leader, whichever replica it prefers. */
  avoidsReplicas: boolean
}

/** Fetches from one broker. The next request is sent when a response arrives, without waiting for its processing. */
export class BrokerLoop {
  readonly #key: LoopKey
  readonly #host: LoopHost
  readonly #purpose: ConnectionPurpose
  readonly #latePurpose: ConnectionPurpose
  readonly #session: FetchSession
  readonly #pacing: Pacing
  readonly #late: LateFetch
  readonly #wake = new WakeUp()
  readonly #stop = new AbortController()
  #sentMs = 0
  #shortWaitMs = firstShortWaitMs
  #fetching = false
  #resting = false
  #starved = false

  constructor(key: LoopKey, host: LoopHost) {
    this.#key = key
    this.#host = host
    const { purpose, latePurpose } = host.options
    const withIds = hasIds(key)
    this.#purpose = withIds ? purpose : `${purpose}:names`
    this.#latePurpose = withIds ? latePurpose : `${latePurpose}:names`
    this.#session = new FetchSession(withIds)
    this.#pacing = new Pacing(host.cluster)
    const isNeeded = () => this.#fetching || this.#resting
    this.#late = new LateFetch(key, host, this.#latePurpose, this.#stop.signal, isNeeded)
  }

  /** A request is in flight. */
  get fetching(): boolean {
    return this.#fetching
  }

  /** Waits because the buffer is full. */
  get starved(): boolean {
    return this.#starved
  }

  wake(): void {
    this.#shortWaitMs = firstShortWaitMs
    this.#wake.wake()
  }

  stop(): void {
    this.#stop.abort(new Error('fetching stopped'))
    const broker = this.#host.cluster.broker(brokerIdOf(this.#key))
    broker?.closeConnection(this.#purpose)
    broker?.closeConnection(this.#latePurpose)
  }

  /** A partition became ready. It is fetched without waiting for a long poll of the other partitions. */
  ready(partition: AssignedPartition): void {
    this.wake()
    if (this.#fetching ? this.#session.offsetOf(partition) !== partition.fetching.offset : this.#resting)
      this.#late.add(partition)
  }

  async run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#turn(signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error, signal)
      }
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const turn = this.#host.turns.own(this.#host.partitionsOf(this.#key).size)
    if (turn !== undefined) await turn
    if (signal.aborted) return
    const broker = this.#host.cluster.broker(brokerIdOf(this.#key))
    const choice = broker === undefined ? undefined : this.#choose()
    if (broker !== undefined && choice !== undefined && choice.wanted.length > 0) {
      await this.#fetch(broker, choice, signal)
      return
    }
    if (broker === undefined) await this.#host.brokerMissing(this.#key)
    await this.#wake.wait(signal)
  }

  /** Undefined: there is no room. */
  #choose(): Choice | undefined {
    const { budget, cluster, options, partitionCount } = this.#host
    this.#starved = budget.isFull
    if (this.#starved) {
      budget.awaitRoom()
      return undefined
    }
    const limitBytes = Math.max(options.partitionMaxBytes, budget.limitBytes / (2 * partitionCount))
    const nowMs = cluster.runtime.monoNow()
    const choice: Choice = { wanted: [], full: false, avoidsReplicas: false }
    const expired: AssignedPartition[] = []
    for (const partition of this.#host.partitionsOf(this.#key)) {
      const { fetching, buffer } = partition
      if (fetching.preferredExpired(nowMs)) expired.push(partition)
      else if (!partition.isFetchable(nowMs)) continue
      else if (buffer.bytes >= limitBytes) choice.full = true
      else {
        choice.wanted.push(partition)
        if (fetching.avoidsReplicas(nowMs)) choice.avoidsReplicas = true
      }
    }
    for (const partition of expired) this.#host.preferenceExpired(partition)
    return choice
  }

  async #fetch(broker: Broker, { wanted, full, avoidsReplicas }: Choice, signal: AbortSignal): Promise<void> {
    const { cluster, options, budget, loopCount } = this.#host
    const { partitionMaxBytes, minBytes, isolation, rack } = options
    const { request: sessionRequest, isPartial } = this.#session.next(wanted, partitionMaxBytes)
    const maxWaitMs = isPartial ? 0 : full ? this.#shortWait() : options.maxWaitMs
    const leastBytes = Math.max(1, Math.min(partitionMaxBytes, budget.guaranteedBytes))
    const share = Math.floor(Math.max(leastBytes, budget.roomBytes / Math.max(1, loopCount)))
    const maxBytes = Math.min(options.maxBytes, share)
    const limits = { maxWaitMs, minBytes, maxBytes, rack: avoidsReplicas ? '' : (rack ?? '') }
    const request = fetchRequest(sessionRequest, isolation, limits)
    const timeoutMs = maxWaitMs + cluster.options.requestTimeoutMs
    this.#sentMs = cluster.runtime.monoNow()
    this.#fetching = true
    let result: FetchResult
    try {
      const response = await sendFetch(broker, request, hasIds(this.#key), {
        purpose: this.#purpose,
        signal,
        timeoutMs,
      })
      if (signal.aborted) return
      result = await this.#accept(broker, response, signal, wanted)
      if (isPartial) result.progressed = true
    } finally {
      this.#fetching = false
    }
    const pauseMs = this.#pacing.pauseMs(result, cluster.runtime.monoNow() - this.#sentMs, maxWaitMs)
    if (pauseMs > 0) await this.#rest(pauseMs, signal)
  }

  async #accept(
    broker: Broker,
    response: FetchResponse,
    signal: AbortSignal,
    wanted: readonly AssignedPartition[],
  ): Promise<FetchResult> {
    const { errorCode, sessionId, nodeEndpoints: endpoints } = response
    if (errorCode !== 0) return this.#sessionLost(broker, errorCode)
    const nowMs = this.#host.cluster.runtime.monoNow()
    this.#host.brokerResponded(this.#key)
    this.#session.accepted(sessionId)
    const { listener, options, turns } = this.#host
    const committedOnly = options.isolation === 'read_committed'
    const context = { broker, committedOnly, nowMs, turns, signal, endpoints, listener }
    const result = await acceptFetch(response, this.#session, context)
    if (signal.aborted) return result
    // A session reports only what changed. The ends of a log that were forgotten here are reported by a new one.
    let lacksEnds = false
    for (const partition of wanted) {
      const { fetching } = partition
      if (fetching.resumeAtMs > nowMs || fetching.brokerId !== broker.id) continue
      if (this.#session.offsetOf(partition) < 0) continue
      fetching.unchanged(nowMs)
      if (result.isEmpty && this.#session.offsetOf(partition) === fetching.offset) partition.foundNothing(committedOnly)
      if (fetching.highWatermark < 0) lacksEnds = true
    }
    if (lacksEnds) this.#session.reset()
    return result
  }

  /** The broker dropped the session or expects another epoch: a full request opens a new session. */
  #sessionLost(broker: Broker, code: number): FetchResult {
    this.#session.reset()
    if (meaningOf(code).fetchSessionLost) return { progressed: false, explained: true, isEmpty: false }
    throw kafkaErrorOf(code, 'Fetching', { broker })
  }

  #shortWait(): number {
    const waitMs = Math.min(this.#shortWaitMs, this.#host.options.maxWaitMs)
    this.#shortWaitMs = waitMs * 2
    return waitMs
  }

  /** A pause that `wake` does not shorten. Partitions that become ready meanwhile are fetched. */
  async #rest(pauseMs: number, signal: AbortSignal): Promise<void> {
    this.#resting = true
    await sleep(this.#host.cluster.runtime, pauseMs, signal).catch(() => {})
    this.#resting = false
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { runtime, options, logger } = this.#host.cluster
    if (!KafkaError.is(error) || !mayRepeat(error)) {
      this.#stop.abort(error)
      this.#host.fatal(error)
      return
    }
    this.#session.reset()
    // A connection that broke after a long poll had worked until then, so the backoff starts over.
    const wasSent = error.outcome !== 'not-written'
    const hadWorked = wasSent && runtime.monoNow() - this.#sentMs > options.retryBackoffMaxMs / 2
    const failures = this.#host.brokerFailed(this.#key, error, hadWorked)
    logger.debug('fetching failed', { broker: brokerIdOf(this.#key), error: String(error) })
    await retryPause(this.#host.cluster, failures, signal)
  }
}

/** A missing right may be granted. */
function mayRepeat(error: KafkaError): boolean {
  return meaningOf(error.code).forbidden !== undefined || isTransient(error)
}

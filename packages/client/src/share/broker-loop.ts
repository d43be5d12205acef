import type { ShareAcknowledgeResponse, ShareFetchResponse } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import { retryPause } from '../cluster/retry-backoff.ts'
import { Pacing } from '../consumer/fetching/pacing.ts'
import { isTransient, meaningOf } from '../error-meaning.ts'
import { asKafkaError, closedError, KafkaError, kafkaErrorOf } from '../errors.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { WakeUp, waitAtMost, within } from '../runtime/wait.ts'
import { type AckOutcome, AckSettlement, settleAll } from './ack-outcomes.ts'
import { AckQueue, type QueuedAck } from './ack-queue.ts'
import type { Acknowledgement } from './acknowledgement.ts'
import type { FetchTurn, ShareLoopHost } from './loop-host.ts'
import { keyOf, type SharePartition } from './share-partition.ts'
import { sendShareAcknowledge, sendShareFetch } from './share-requests.ts'
import { finalEpoch, ShareSession } from './share-session.ts'

/** A session of its own with one broker: fetches and acknowledgements, one request at a time. */
export class ShareBrokerLoop {
  readonly id: number
  readonly #host: ShareLoopHost
  readonly #session = new ShareSession()
  readonly #acks = new AckQueue()
  readonly #settlement: AckSettlement
  readonly #pacing: Pacing
  readonly #wake = new WakeUp()
  readonly #timer: DeadlineTimer
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  /** Records of responses are being decompressed. */
  #reading = 0
  #isFetching = false
  #isAcknowledging = false
  #isFinishing = false
  /** No fetch before, on `monoNow`. Acknowledgements do not wait. */
  #fetchAtMs = 0
  #failures = 0

  constructor(id: number, host: ShareLoopHost) {
    this.id = id
    this.#host = host
    this.#settlement = new AckSettlement(host.cluster, this.#acks)
    this.#pacing = new Pacing(host.cluster)
    this.#timer = new DeadlineTimer(host.cluster.runtime, () => {
      this.#wake.wake()
      return Number.POSITIVE_INFINITY
    })
  }

  get isFetching(): boolean {
    return this.#isFetching
  }

  get #isRequesting(): boolean {
    return this.#isFetching || this.#isAcknowledging
  }

  start(): void {
    this.#running ??= this.#run()
  }

  wake(): void {
    this.#wake.wake()
  }

  send(ack: Acknowledgement): void {
    this.#acks.add(ack)
    this.#wake.wake()
  }

  /** The connection ended, and with it the session. A request in flight reports it itself. */
  disconnected(): void {
    if (this.#isRequesting || !this.#session.isOpen) return
    this.#sessionLost({ code: 'CONNECTION_LOST', why: 'the connection to its leader ended' })
    this.#host.brokerFailed(this.id)
    this.#wake.wake()
  }

  /** Sends what was decided, and ends the session, so that the broker releases the rest. Never rejects. */
  async finish(timeoutMs: number): Promise<void> {
    const { runtime, logger } = this.#host.cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    this.#isFinishing = true
    this.#wake.wake()
    await waitAtMost(runtime, timeoutMs, this.#running ?? Promise.resolve())
    const leftMs = deadlineMs - runtime.monoNow()
    const broker = this.#host.cluster.broker(this.id)
    if (broker !== undefined && this.#session.isOpen && leftMs > 0) {
      const limits = { operation: 'Ending the share session', timeoutMs: leftMs, signals: [this.#stop.signal] }
      await within(runtime, limits, (signal) => this.#acknowledge(broker, finalEpoch, signal)).catch((error) => {
        logger.debug('ending a share session failed', { broker: this.id, error: String(error) })
      })
    }
    this.close()
  }

  close(): void {
    const error = closedError('consumer')
    this.#stop.abort(error)
    this.#timer.stop()
    this.#acks.fail(error)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted && !this.#isOver) {
      try {
        await this.#turn(signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error, signal)
      }
    }
  }

  get #isOver(): boolean {
    return this.#isFinishing && this.#reading === 0
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { cluster } = this.#host
    const nowMs = cluster.runtime.monoNow()
    const broker = cluster.broker(this.id)
    if (broker === undefined) {
      this.#host.leaveRoom(this.id)
      this.#sessionLost({ code: 'CONNECTION_LOST', why: `broker ${this.id} left the cluster` })
      this.#acks.fail(new KafkaError('CONNECTION_LOST', `Acknowledging failed: broker ${this.id} left the cluster`))
      await this.#wake.wait(signal)
      return
    }
    const fetchable = this.#isFinishing ? [] : this.#host.fetchable(this.id, nowMs)
    const { isOpen, epoch } = this.#session
    if (isOpen && this.#acks.needsOwnRequest(nowMs, fetchable)) {
      await this.#acknowledge(broker, epoch, signal)
      return
    }
    const mayFetch = fetchable.length > 0 && nowMs >= this.#fetchAtMs
    if (!mayFetch) this.#host.leaveRoom(this.id)
    const maxRecords = mayFetch ? this.#host.takeRoom(this.id) : 0
    if (maxRecords > 0) await this.#fetch(broker, { partitions: fetchable, maxRecords, ...this.#wait() }, signal)
    else if (!this.#acks.hasDue(nowMs)) await this.#idle(nowMs, signal)
    else if (isOpen) await this.#acknowledge(broker, epoch, signal)
    // Only a session can acknowledge.
    else await this.#fetch(broker, { partitions: fetchable, maxRecords: 0, maxWaitMs: 0 }, signal)
  }

  #wait(): { maxWaitMs: number } {
    return { maxWaitMs: this.#host.maxWaitMs() }
  }

  async #idle(nowMs: number, signal: AbortSignal): Promise<void> {
    const resumeMs = Math.min(this.#host.nextResumeMs(this.id, nowMs), this.#acks.nextDueMs)
    this.#timer.wakeBy(this.#fetchAtMs > nowMs ? Math.min(this.#fetchAtMs, resumeMs) : resumeMs)
    await this.#wake.wait(signal)
  }

  // ---- requests

  async #fetch(broker: Broker, turn: FetchTurn, signal: AbortSignal): Promise<void> {
    const { cluster, member, limits, purpose } = this.#host
    const { partitions, maxRecords, maxWaitMs } = turn
    const { epoch } = this.#session
    const sentMs = cluster.runtime.monoNow()
    const sent = this.#session.isOpen ? this.#acks.take(sentMs) : []
    const acks = sent.map(({ ack }) => ack)
    const changes = { epoch, ...this.#session.changes(partitions) }
    const bounds = maxRecords === 0 ? { minBytes: 0, maxBytes: 0 } : limits
    const timeoutMs = maxWaitMs + cluster.options.requestTimeoutMs
    this.#isFetching = true
    let response: ShareFetchResponse
    try {
      const fetchLimits = { maxRecords, maxWaitMs, ...bounds }
      response = await sendShareFetch(broker, member, changes, acks, fetchLimits, { purpose, signal, timeoutMs })
    } catch (error) {
      this.#host.returnRoom(maxRecords)
      this.#withoutResponse(sent, error)
      throw error
    } finally {
      this.#isFetching = false
    }
    if (response.errorCode !== 0) {
      this.#host.returnRoom(maxRecords)
      this.#refused(broker, response, sent)
      return
    }
    this.#session.accepted(partitions)
    this.#failures = 0
    this.#accept(broker, response, sent, { ...turn, sentMs })
  }

  #accept(
    broker: Broker,
    response: ShareFetchResponse,
    sent: readonly QueuedAck[],
    { partitions, maxRecords, maxWaitMs, sentMs }: FetchTurn & { readonly sentMs: number },
  ): void {
    const { runtime } = this.#host.cluster
    const lockEndsMs = sentMs + response.acquisitionLockTimeoutMs
    const outcomes = new Map<string, AckOutcome>()
    const known = new Map(partitions.map((partition) => [keyOf(partition), partition]))
    const readings: Promise<void>[] = []
    const result = { progressed: sent.length > 0, explained: maxRecords === 0 }
    for (const [key, part] of partsOf(response)) {
      outcomes.set(key, { errorCode: part.acknowledgeErrorCode, message: part.acknowledgeErrorMessage })
      const partition = known.get(key)
      if (partition === undefined) continue
      if (part.errorCode !== 0) {
        this.#failed(broker, response, partition, part)
        result.explained = true
      } else partition.recovered()
      if (part.acquiredRecords.length === 0) continue
      result.progressed = true
      const acquisition = { partition, brokerId: this.id, lockSinceMs: sentMs, lockEndsMs }
      readings.push(this.#host.accept(part, acquisition))
    }
    this.#settlement.settle(sent, outcomes, broker, lockEndsMs)
    void this.#read(readings, maxRecords)
    const pauseMs = this.#pacing.pauseMs(result, runtime.monoNow() - sentMs, maxWaitMs)
    this.#fetchAtMs = runtime.monoNow() + pauseMs
  }

  /** The room stays reserved until the records count themselves. */
  async #read(readings: readonly Promise<void>[], maxRecords: number): Promise<void> {
    this.#reading++
    await Promise.all(readings)
    this.#reading--
    this.#host.returnRoom(maxRecords)
    this.#wake.wake()
  }

  #failed(broker: Broker, response: ShareFetchResponse, partition: SharePartition, part: FetchedPart): void {
    const { errorCode, errorMessage: message, currentLeader: leader } = part
    const { nodeEndpoints } = response
    if (nodeEndpoints.length > 0)
      this.#host.cluster.addBrokers(nodeEndpoints.map((node) => ({ ...node, id: node.nodeId })))
    this.#host.partitionFailed({ partition, errorCode, message, leader, broker })
  }

  async #acknowledge(broker: Broker, epoch: number, signal: AbortSignal): Promise<void> {
    const { cluster, member, purpose } = this.#host
    const sentMs = cluster.runtime.monoNow()
    const sent = this.#acks.take(sentMs)
    // Each was refused because its lock is lost.
    if (sent.length === 0 && epoch !== finalEpoch) return
    const acks = sent.map(({ ack }) => ack)
    this.#isAcknowledging = true
    let response: ShareAcknowledgeResponse
    try {
      response = await sendShareAcknowledge(broker, member, epoch, acks, { purpose, signal })
    } catch (error) {
      this.#withoutResponse(sent, error)
      throw error
    } finally {
      this.#isAcknowledging = false
    }
    if (response.errorCode !== 0) {
      this.#refused(broker, response, sent)
      return
    }
    this.#session.accepted()
    this.#failures = 0
    const outcomes = new Map<string, AckOutcome>()
    for (const { topicId, partitions } of response.responses) {
      for (const { partitionIndex: partition, errorCode, errorMessage: message } of partitions)
        outcomes.set(keyOf({ topicId, partition }), { errorCode, message })
    }
    this.#settlement.settle(sent, outcomes, broker, sentMs + response.acquisitionLockTimeoutMs)
  }

  // ---- failures

  /** Whether the broker applied them is not known. */
  #withoutResponse(sent: readonly QueuedAck[], cause: unknown): void {
    const error = asKafkaError(cause, 'Acknowledging')
    const message = `${error.message}; the broker may not have applied the acknowledgement, and delivers the record again then`
    settleAll(sent, { error: error.with({ message }) })
  }

  /** The broker refused the whole request, and applied nothing of it. */
  #refused(broker: Broker, { errorCode, errorMessage: message }: Refusal, sent: readonly QueuedAck[]): void {
    const { shareSession } = meaningOf(errorCode)
    const { groupId: group } = this.#host.member
    const error = kafkaErrorOf(errorCode, 'Fetching for a share group', { broker, group, message })
    this.#host.cluster.logger.debug('a share session ended', { broker: this.id, error: error.message })
    if (shareSession === undefined) {
      settleAll(sent, { error })
      throw error
    }
    this.#settlement.again(sent)
    if (shareSession === 'unknown')
      this.#sessionLost({ code: error.code, why: 'the broker ended the session', cause: error })
    else this.#session.reset()
    // The first new session is opened immediately.
    if (++this.#failures > 1) throw error
  }

  #sessionLost(reason: Parameters<ShareLoopHost['lost']>[2]): void {
    this.#session.reset()
    this.#host.lost(this.id, undefined, reason)
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { logger } = this.#host.cluster
    this.#host.leaveRoom(this.id)
    if (!KafkaError.is(error) || !mayRepeat(error)) {
      this.#host.fatal(asKafkaError(error, 'Fetching for a share group'))
      return
    }
    const { shareSession, connection } = meaningOf(error.code)
    // A request without a response may have ended the connection, and with it the session and its locks.
    if (shareSession === undefined) {
      const { code } = error
      const why = connection === undefined ? 'its leader failed' : 'the connection to its leader failed'
      this.#sessionLost({ code, why, cause: error })
      this.#host.brokerFailed(this.id)
      this.#failures++
    }
    logger.debug('fetching for a share group failed', { broker: this.id, error: String(error) })
    if (this.#isFinishing) this.#stop.abort(error)
    await retryPause(this.#host.cluster, Math.max(1, this.#failures), signal)
  }
}

type Refusal = Pick<ShareFetchResponse, 'errorCode' | 'errorMessage'>
type FetchedPart = ShareFetchResponse['responses'][number]['partitions'][number]

function* partsOf({ responses }: ShareFetchResponse): Generator<readonly [key: string, part: FetchedPart]> {
  for (const { topicId, partitions } of responses) {
    for (const part of partitions) yield [keyOf({ topicId, partition: part.partitionIndex }), part]
  }
}

/** A missing right may be granted. */
function mayRepeat(error: KafkaError): boolean {
  return meaningOf(error.code).forbidden !== undefined || isTransient(error)
}

import type { CoordinatorConnection } from '../cluster/coordinator-connection.ts'
import { retryPause } from '../cluster/retry-backoff.ts'
import { textOf } from '../error-data.ts'
import { coordinatorLost, isTransient, meaningOf } from '../error-meaning.ts'
import { asKafkaError, KafkaError } from '../errors.ts'
import type { GroupCluster } from '../group/classic-requests.ts'
import { sameNames } from '../group/membership.ts'
import type { TopicIdPartitions } from '../group/next-gen-requests.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { WakeUp, waitAtMost, withSignal } from '../runtime/wait.ts'
import { noShareGroupsHint, ShareMembershipRequests } from './share-membership-requests.ts'

export interface ShareMembershipOptions {
  readonly groupId: string
  readonly memberId: string
  readonly rack: string | undefined
  readonly connection: CoordinatorConnection
}

export interface ShareMembershipHost {
  subscribedTopics(signal: AbortSignal): Promise<readonly string[]>
  knownSubscription(): readonly string[]
  assign(assignment: readonly TopicIdPartitions[]): void
  onFatal(error: KafkaError): void
}

/** An interval that a broker cannot mean. */
const leastIntervalMs = 10

/**
 * A member of a share group (KIP-932): heartbeats report what it subscribes to, and bring its assignment. Locks of records do not
 * depend on it: a member that has to join again keeps what it has acquired.
 */
export class ShareMembership {
  readonly #cluster: GroupCluster
  readonly #options: ShareMembershipOptions
  readonly #host: ShareMembershipHost
  readonly #requests: ShareMembershipRequests
  readonly #stop = new AbortController()
  readonly #wake = new WakeUp()
  readonly #timer: DeadlineTimer
  #epoch = 0
  /** What the coordinator has; undefined: it may have anything. */
  #reported: readonly string[] | undefined
  #names: readonly string[] = []
  /** When the next heartbeat is due, on `monoNow`. */
  #dueMs = 0
  #isIdle = true
  /** Responses in sequence with an empty assignment. */
  #idleBeats = 0
  #failures = 0
  #failingSinceMs: number | undefined
  /** The coordinator has responded: from now on every failure to reach it is temporary. */
  #everReached = false
  #loop: Promise<void> | undefined

  constructor(cluster: GroupCluster, options: ShareMembershipOptions, host: ShareMembershipHost) {
    this.#cluster = cluster
    this.#options = options
    this.#host = host
    this.#requests = new ShareMembershipRequests(cluster, options.groupId, options.connection)
    this.#timer = new DeadlineTimer(cluster.runtime, () => {
      this.#wake.wake()
      return Number.POSITIVE_INFINITY
    })
  }

  get isMember(): boolean {
    return this.#epoch > 0
  }

  get epoch(): number {
    return this.#epoch
  }

  /** For how long no heartbeat has had a good response. */
  get failingMs(): number {
    return this.#failingSinceMs === undefined ? 0 : this.#cluster.runtime.monoNow() - this.#failingSinceMs
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** The topics that the subscription matches may have changed. */
  metadataChanged(): void {
    if (this.#everReached || this.#names.length === 0) {
      if (!sameNames(this.#host.knownSubscription(), this.#names)) this.#beatNow()
    }
  }

  /** Never rejects. */
  async leave(timeoutMs: number): Promise<void> {
    const { runtime } = this.#cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    // The coordinator may have the member although the response to its join has not arrived.
    const mayBeMember = this.#loop !== undefined && !this.#stop.signal.aborted
    this.stop(new KafkaError('CLOSED', 'The consumer leaves its share group'))
    await waitAtMost(runtime, timeoutMs, this.#loop ?? Promise.resolve())
    const leftMs = deadlineMs - runtime.monoNow()
    if (mayBeMember && leftMs > 0) await this.#requests.leave(this.#options.memberId, leftMs)
    this.#requests.closeConnection()
    this.#epoch = 0
  }

  stop(reason: KafkaError): void {
    this.#timer.stop()
    this.#stop.abort(reason)
  }

  #beatNow(): void {
    this.#dueMs = 0
    this.#wake.wake()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#due(signal)
        await this.#beat(signal)
        this.#failures = 0
        this.#failingSinceMs = undefined
      } catch (error) {
        if (signal.aborted || !(await this.#recover(error, signal))) return
      }
    }
  }

  async #due(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#cluster
    while (runtime.monoNow() < this.#dueMs) {
      this.#timer.wakeBy(this.#dueMs)
      await this.#wake.wait(signal)
    }
    this.#timer.clear()
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { runtime, options } = this.#cluster
    const { memberId, rack } = this.#options
    this.#names = this.isMember
      ? this.#host.knownSubscription()
      : await withSignal(this.#host.subscribedTopics(signal), signal)
    const names = this.#names
    // A member cannot join for nothing: it waits until its patterns match a topic.
    if (names.length === 0 && !this.isMember) {
      this.#dueMs = runtime.monoNow() + options.metadataMaxAgeMs
      return
    }
    const isReported = this.isMember && this.#reported !== undefined && sameNames(names, this.#reported)
    const body = () => ({
      ...{ memberId, memberEpoch: this.#epoch, rackId: isReported ? null : (rack ?? null) },
      subscribedTopicNames: isReported ? null : [...names],
    })
    const response = await this.#requests.heartbeat(body, { timeoutMs: options.requestTimeoutMs, signal })
    signal.throwIfAborted()
    this.#everReached = true
    this.#epoch = response.memberEpoch
    this.#reported = names
    if (response.assignment !== null) {
      const { topicPartitions } = response.assignment
      this.#isIdle = topicPartitions.length === 0
      this.#host.assign(topicPartitions)
    }
    this.#dueMs = runtime.monoNow() + this.#pauseMs(Math.max(leastIntervalMs, response.heartbeatIntervalMs))
    this.metadataChanged()
  }

  /**
   * A group begins with an empty assignment, until its partitions are initialized, and the brokers say so in the next response: that
   * comes sooner than after an interval.
   */
  #pauseMs(intervalMs: number): number {
    if (!this.#isIdle) this.#idleBeats = 0
    else if (this.#names.length > 0) this.#idleBeats++
    if (this.#idleBeats === 0) return intervalMs
    const { runtime, options } = this.#cluster
    const firstMs = Math.min(options.retryBackoffMs, intervalMs)
    return Math.min(intervalMs, backoffMs(runtime, this.#idleBeats, { firstMs, maxMs: intervalMs }))
  }

  /** Prepares the next heartbeat after one that failed; false when the membership failed for good. */
  async #recover(error: unknown, signal: AbortSignal): Promise<boolean> {
    const { groupId: group } = this.#options
    const { runtime, logger } = this.#cluster
    this.#reported = undefined
    this.#dueMs = 0
    this.#failures++
    this.#failingSinceMs ??= runtime.monoNow()
    if (this.#isRemoved(error)) {
      logger.warn('the share group removed this member, which joins again', { group, error: textOf(error) })
      this.#epoch = 0
      this.#isIdle = true
      this.#host.assign([])
      if (this.#failures > 1) await retryPause(this.#cluster, this.#failures - 1, signal)
      return true
    }
    if (!this.#mayRetry(error)) {
      const cause = asKafkaError(error, 'Share group membership')
      const hint = meaningOf(cause.code).unsupportedVersion ? noShareGroupsHint : cause.hint
      this.#host.onFatal(cause.with({ fatal: true, hint }))
      return false
    }
    logger.debug('heartbeat failed', { group, error: textOf(error) })
    if (coordinatorLost(error)) this.#cluster.forgetCoordinator('group', group)
    await retryPause(this.#cluster, this.#failures, signal)
    return true
  }

  /** The coordinator does not have the member, or the group, any more. */
  #isRemoved(error: unknown): boolean {
    if (!KafkaError.is(error)) return false
    const { member, missingGroup } = meaningOf(error.code)
    return member === 'unknown' || member === 'fenced-epoch' || (missingGroup && this.isMember)
  }

  #mayRetry(error: unknown): boolean {
    if (!isTransient(error)) return false
    const { ended, connection } = meaningOf(error.code)
    return this.#everReached || (ended !== 'deadline' && connection !== 'unreachable')
  }
}

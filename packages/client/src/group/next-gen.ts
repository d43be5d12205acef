import { retryPause } from '../cluster/retry-backoff.ts'
import { textOf } from '../error-data.ts'
import { coordinatorLost, isTransient, meaningOf } from '../error-meaning.ts'
import { asKafkaError, type ErrorCode, KafkaError } from '../errors.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { scopeOf, WakeUp, withSignal } from '../runtime/wait.ts'
import type { GroupCluster } from './classic-requests.ts'
import { handOver } from './hand-over.ts'
import { HookQueue } from './hook-queue.ts'
import { MemberIdentity } from './member-identity.ts'
import {
  type GroupIdentity,
  type MemberConnections,
  type Membership,
  type MembershipListener,
  type MembershipState,
  sameNames,
} from './membership.ts'
import { NextGenRequests, protocolHint } from './next-gen-requests.ts'
import { Ownership } from './ownership.ts'
import { type Changes, Reconciler, type TopicNames } from './reconciler.ts'
import { type MemberReport, ReportedState, type ReportOptions } from './reported-state.ts'

export interface NextGenOptions extends ReportOptions {
  /** Of random bytes, unique for each start of a member (KIP-1082). */
  readonly memberId: string
  /** Patterns that the brokers evaluate, as one; null: none. */
  readonly regex: string | null
  /** How long the member counts as one without a response of the coordinator; the session timeout of the brokers. */
  readonly sessionTimeoutMs: number
  /** How long a hook whose signal has aborted may take to end before the next one begins. */
  readonly revokeGraceMs: number
  readonly connections: MemberConnections
  readonly topics: TopicNames
}

/** How long the last heartbeat may delay the rest of closing. */
const leaveRequestMs = 5_000

/** An interval that a broker cannot mean. */
const leastIntervalMs = 10

/**
 * A member of a group with the protocol of KIP-848: the coordinator assigns, and each heartbeat reports what the member subscribes
 * to and owns. One loop sends heartbeats, whatever the hooks do; the reconciler follows the assignment beside it.
 */
export class NextGenMembership implements Membership {
  readonly hasEpochs = true
  readonly leaderId = undefined
  readonly #cluster: GroupCluster
  readonly #options: NextGenOptions
  readonly #listener: MembershipListener
  readonly #requests: NextGenRequests
  readonly #identity: MemberIdentity
  readonly #hooks: HookQueue
  readonly #ownership: Ownership
  readonly #reconciler: Reconciler
  readonly #reported: ReportedState
  readonly #wake = new WakeUp()
  readonly #timer: DeadlineTimer
  readonly #stopping = new AbortController()
  /** Aborts when the membership is lost. */
  #loss = new AbortController()
  #state: MembershipState = 'unjoined'
  #names: readonly string[] = []
  /** When the next heartbeat is due, on `monoNow`. */
  #dueMs = 0
  /** When the last heartbeat with a response was sent. */
  #acceptedMs = 0
  /** Since when the member has tried to join. */
  #joiningSinceMs = 0
  #failures = 0
  /** The coordinator has responded: from now on every failure to reach it is temporary. */
  #everReached = false
  #loop: Promise<void> | undefined
  #left: Promise<void> | undefined

  constructor(cluster: GroupCluster, options: NextGenOptions, listener: MembershipListener) {
    const { groupId, instanceId, memberId, rebalanceTimeoutMs, revokeGraceMs, topics } = options
    this.#cluster = cluster
    this.#options = options
    this.#listener = listener
    this.#requests = new NextGenRequests(cluster, { groupId, instanceId }, options.connections)
    this.#identity = new MemberIdentity(groupId, instanceId)
    this.#identity.assign(memberId)
    this.#reported = new ReportedState(options)
    this.#timer = new DeadlineTimer(cluster.runtime, () => {
      this.#wake.wake()
      return Number.POSITIVE_INFINITY
    })
    const limits = { timeoutMs: rebalanceTimeoutMs, graceMs: revokeGraceMs }
    this.#hooks = new HookQueue(cluster.runtime, cluster.logger, limits)
    this.#ownership = new Ownership(listener, this.#hooks, (error) => this.#fail(error))
    const host = {
      ...{ cluster, listener, topics, rebalanceTimeoutMs, ownership: this.#ownership },
      onOwned: () => this.#beatNow(),
      onReconciled: (changes: Changes) => this.#reconciled(changes),
      onFailure: (error: unknown) => this.#fail(error),
    }
    this.#reconciler = new Reconciler(host, this.#stopping.signal)
  }

  get state(): MembershipState {
    return this.#state
  }

  get identity(): GroupIdentity {
    return this.#identity.current
  }

  start(): void {
    this.#joiningSinceMs = this.#cluster.runtime.monoNow()
    this.#loop ??= this.#run()
  }

  rejoin(reason: string): void {
    this.#cluster.logger.debug('the member reports its state', { group: this.#options.groupId, reason })
    this.#reported.reset()
    this.#beatNow()
  }

  metadataChanged(): void {
    if (this.#state !== 'stable') return
    this.#reconciler.metadataChanged()
    if (!sameNames(this.#listener.knownSubscription(), this.#names)) this.#beatNow()
  }

  fenced(code: ErrorCode, generation: number): void {
    if (generation !== this.#identity.generation || this.#state !== 'stable') return
    const { member } = meaningOf(code)
    if (member === 'unknown' || member === 'fenced-epoch') this.#lose(code)
    // The next response has the epoch of now.
    else this.rejoin(code)
  }

  rebalanceSeen(generation: number): void {
    if (generation === this.#identity.generation) this.#beatNow()
  }

  checkSession(): boolean {
    if (this.#state !== 'stable') return true
    if (this.#cluster.runtime.monoNow() - this.#acceptedMs <= this.#options.sessionTimeoutMs) return true
    this.#lose('the session expired: no heartbeat had a response in time')
    return false
  }

  leave(options: { readonly timeoutMs: number; readonly reason: string; readonly always?: boolean }): Promise<void> {
    this.#left ??= this.#leave(options)
    return this.#left
  }

  // ---- heartbeats

  #beatNow(): void {
    this.#dueMs = 0
    this.#wake.wake()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#due(signal)
        await this.#beat()
        this.#failures = 0
      } catch (error) {
        if (signal.aborted) return
        // The coordinator may still process the request that the loss aborted.
        if (this.#loss.signal.aborted) this.#requests.closeConnections()
        else if (!(await this.#recover(error, signal))) return
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

  async #beat(): Promise<void> {
    const { runtime } = this.#cluster
    const isJoining = this.#state !== 'stable'
    this.#loss = new AbortController()
    const scope = scopeOf(runtime, undefined, [this.#stopping.signal, this.#loss.signal])
    const { signal } = scope
    try {
      if (isJoining) {
        // What was lost is given up before the member can receive it again.
        await withSignal(this.#hooks.idle(), signal)
        this.#state = 'joining'
        this.#names = await withSignal(this.#listener.subscribedTopics(signal), signal)
      } else this.#names = this.#listener.knownSubscription()
      await this.#exchange(signal)
    } finally {
      scope.release()
    }
  }

  async #exchange(signal: AbortSignal): Promise<void> {
    const { runtime, options } = this.#cluster
    const { sessionTimeoutMs, regex } = this.#options
    const sentMs = runtime.monoNow()
    const leftMs = this.#state === 'stable' ? this.#acceptedMs + sessionTimeoutMs - sentMs : Number.POSITIVE_INFINITY
    const timeoutMs = Math.max(1, Math.min(options.requestTimeoutMs, leftMs))
    let report = this.#report()
    const body = () => {
      report = this.#report()
      return this.#reported.body(report)
    }
    const response = await this.#requests.heartbeat(body, { timeoutMs, signal, regex })
    // A loss during the request replaced the identity.
    signal.throwIfAborted()
    this.#acceptedMs = sentMs
    this.#everReached = true
    this.#state = 'stable'
    this.#reported.accepted(report)
    this.#adopt(response.memberId ?? this.#identity.memberId, response.memberEpoch)
    const { heartbeatIntervalMs } = response
    // What changed during the request is reported next.
    const isOutdated = this.#reported.lacks(this.#report())
    this.#dueMs = isOutdated ? 0 : runtime.monoNow() + Math.max(leastIntervalMs, heartbeatIntervalMs)
    if (response.assignment !== null) this.#reconciler.assign(response.assignment.topicPartitions)
  }

  #report(): MemberReport {
    const { memberId, generation } = this.#identity
    const subscription = { names: this.#names, regex: this.#options.regex }
    return { memberId, epoch: Math.max(0, generation), subscription, owned: this.#reconciler.owned }
  }

  #adopt(memberId: string, epoch: number): void {
    const { generation } = this.#identity
    this.#identity.joined(memberId, epoch)
    if (generation >= 0 && generation !== epoch) this.#listener.onEpoch()
  }

  /** Prepares the next heartbeat after one that failed; false when the membership failed for good. */
  async #recover(error: unknown, signal: AbortSignal): Promise<boolean> {
    const { groupId: group } = this.#options
    this.#reported.reset()
    this.#dueMs = 0
    this.#failures++
    const { member } = KafkaError.is(error) ? meaningOf(error.code) : { member: undefined }
    if (member === 'unknown' || member === 'fenced-epoch') {
      this.#lose(KafkaError.is(error) ? error.code : textOf(error))
      if (this.#failures > 1) await retryPause(this.#cluster, this.#failures - 1, signal)
      return true
    }
    if (!this.#mayRetry(error)) {
      this.#fail(error)
      return false
    }
    this.#cluster.logger.debug('heartbeat failed', { group, error: textOf(error) })
    if (coordinatorLost(error)) this.#cluster.forgetCoordinator('group', group)
    this.checkSession()
    await retryPause(this.#cluster, this.#failures, signal)
    return true
  }

  #mayRetry(error: unknown): boolean {
    if (!KafkaError.is(error)) return false
    const { member, ended, connection, forbidden } = meaningOf(error.code)
    // A member that died is removed after its session timeout.
    if (member === 'unreleased') {
      return this.#cluster.runtime.monoNow() - this.#joiningSinceMs < this.#options.sessionTimeoutMs
    }
    if (member === 'stale-epoch' || (forbidden === 'topic' && this.#everReached)) return true
    if (!isTransient(error)) return false
    return this.#everReached || (ended !== 'deadline' && connection !== 'unreachable')
  }

  #reconciled(changes: Changes): void {
    const { groupId, remoteAssignor } = this.#options
    const { memberId, generation } = this.#identity
    const protocol = remoteAssignor ?? 'consumer'
    this.#listener.onRebalanced({ groupId, memberId, generation, protocol, isLeader: false, ...changes })
  }

  // ---- ends

  #lose(reason: string): void {
    const { groupId: group } = this.#options
    this.#identity.forget('generation')
    if (this.#state === 'stable' || this.#state === 'joining') this.#state = 'unjoined'
    this.#joiningSinceMs = this.#cluster.runtime.monoNow()
    this.#cluster.logger.warn('group membership lost', { group, reason })
    const error = new KafkaError('ABORTED', `The membership in group '${group}' was lost: ${reason}`)
    this.#reported.reset()
    this.#reconciler.reset()
    this.#ownership.lose(error)
    this.#loss.abort(error)
    this.#beatNow()
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    const cause = asKafkaError(error, 'Group membership')
    const hint = meaningOf(cause.code).unsupportedVersion ? protocolHint : cause.hint
    const failure = cause.with({ fatal: true, hint })
    this.#state = 'failed'
    this.#timer.stop()
    this.#stopping.abort(failure)
    this.#reconciler.reset()
    this.#ownership.lose(failure)
    this.#listener.onFatal(failure)
  }

  async #leave({ timeoutMs, always }: Parameters<Membership['leave']>[0]): Promise<void> {
    const { runtime } = this.#cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    const failed = this.#state === 'failed'
    // The coordinator may have the member although the response to its join has not arrived.
    const isMember = this.#identity.generation > 0 || this.#state === 'joining'
    const leaving = new KafkaError('CLOSED', 'The consumer leaves its group')
    this.#stopping.abort(leaving)
    this.#reconciler.reset()
    const parts = { cluster: this.#cluster, hooks: this.#hooks, ownership: this.#ownership, loop: this.#loop, failed }
    await handOver({ ...parts, groupId: this.#options.groupId }, timeoutMs, leaving)
    this.#timer.stop()
    this.#hooks.close(leaving)
    if (!failed && isMember) {
      const comesBack = this.#options.instanceId !== null && always !== true
      const limitMs = Math.min(leaveRequestMs, deadlineMs - runtime.monoNow())
      await this.#requests.leave(this.#identity.memberId, comesBack, limitMs)
    }
    this.#requests.closeConnections()
    this.#state = failed ? 'failed' : 'left'
  }
}

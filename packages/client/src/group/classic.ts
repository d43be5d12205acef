import { retryPause } from '../cluster/retry-backoff.ts'
import { textOf } from '../error-data.ts'
import { meaningOf } from '../error-meaning.ts'
import { asKafkaError, type ErrorCode, KafkaError } from '../errors.ts'
import { scopeOf, WakeUp, withSignal } from '../runtime/wait.ts'
import { type GroupCluster, GroupRequests, recoveryFrom, replacedError } from './classic-requests.ts'
import { handOver } from './hand-over.ts'
import { HookQueue } from './hook-queue.ts'
import { type Joined, type JoinOptions, JoinRound } from './join-round.ts'
import { MemberIdentity } from './member-identity.ts'
import {
  type GroupIdentity,
  type MemberConnections,
  type Membership,
  type MembershipListener,
  type MembershipState,
  sameNames,
  without,
} from './membership.ts'
import { Ownership } from './ownership.ts'
import { reasonOf, Session } from './session.ts'

export interface ClassicOptions extends JoinOptions {
  readonly heartbeatIntervalMs: number
  /** How long a hook whose signal has aborted may take to end before the next one begins. */
  readonly revokeGraceMs: number
  readonly connections: MemberConnections
}

/** How long a LeaveGroup request may delay the rest of closing. */
const leaveRequestMs = 5_000

/**
 * A member of a classic group: one loop that joins, receives its assignment, and waits for a reason to join again. At most one
 * JoinGroup is in flight. A loss is handled when it is found out, whatever the loop does: it aborts the round.
 */
export class ClassicMembership implements Membership {
  readonly hasEpochs = false
  readonly #cluster: GroupCluster
  readonly #options: ClassicOptions
  readonly #listener: MembershipListener
  readonly #requests: GroupRequests
  readonly #identity: MemberIdentity
  readonly #session: Session
  readonly #hooks: HookQueue
  readonly #ownership: Ownership
  readonly #joins: JoinRound
  readonly #wake = new WakeUp()
  readonly #stopping = new AbortController()
  /** Members keep their partitions while they join only if every assignor allows it, as in Java. */
  readonly #cooperative: boolean
  /** Aborts when the membership of the current round is lost. */
  #loss = new AbortController()
  #state: MembershipState = 'unjoined'
  #rejoinReason: string | undefined = 'first join'
  #joinedTopics: readonly string[] = []
  /** The coordinator has responded to a join: from now on every failure to reach it is temporary. */
  #everReached = false
  #loop: Promise<void> | undefined
  #left: Promise<void> | undefined

  constructor(cluster: GroupCluster, options: ClassicOptions, listener: MembershipListener) {
    const { groupId, instanceId, rebalanceTimeoutMs, revokeGraceMs } = options
    this.#cluster = cluster
    this.#options = options
    this.#listener = listener
    this.#cooperative = options.assignors.every((assignor) => assignor.cooperative)
    this.#requests = new GroupRequests(cluster, { groupId, instanceId }, options.connections)
    this.#identity = new MemberIdentity(groupId, instanceId)
    const limits = { timeoutMs: rebalanceTimeoutMs, graceMs: revokeGraceMs }
    this.#hooks = new HookQueue(cluster.runtime, cluster.logger, limits)
    this.#ownership = new Ownership(listener, this.#hooks, (error) => this.#fail(error))
    this.#session = new Session(cluster, options, this.#requests, this.#identity, {
      isJoining: () => this.#state === 'joining',
      rebalanceSeen: (generation) => this.rebalanceSeen(generation),
      lose: (what, reason) => this.#lose(what, reason),
      fail: (error) => this.#fail(error),
    })
    this.#joins = new JoinRound(options, this.#requests, this.#identity, listener, () => {
      this.#everReached = true
      this.#session.renew()
    })
  }

  get state(): MembershipState {
    return this.#state
  }

  get identity(): GroupIdentity {
    return this.#identity.current
  }

  get leaderId(): string | undefined {
    return this.#joins.leaderId
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  rejoin(reason: string): void {
    this.#rejoinReason ??= reason
    this.#wake.wake()
  }

  metadataChanged(): void {
    if (this.#state !== 'stable') return
    const topics = this.#listener.knownSubscription()
    if (!sameNames(topics, this.#joinedTopics)) this.rejoin('the topics of the subscription changed')
    const topic = this.#joins.changedTopic()
    if (topic !== undefined) this.rejoin(`the number of partitions of topic '${topic}' changed`)
  }

  fenced(code: ErrorCode, generation: number): void {
    if (generation !== this.#identity.generation) return
    const { member } = meaningOf(code)
    if (this.#state !== 'stable' && this.#state !== 'joining') return
    if (member === 'replaced') this.#fail(replacedError(code, this.#options))
    else if (member === 'unknown') this.#lose('member', code)
    // During a join the generation may just have moved.
    else if (this.#state === 'stable') this.#lose('generation', code)
  }

  rebalanceSeen(generation: number): void {
    if (generation === this.#identity.generation && this.#state === 'stable') this.rejoin('the group is rebalancing')
  }

  checkSession(): boolean {
    return this.#session.check()
  }

  leave(options: { readonly timeoutMs: number; readonly reason: string; readonly always?: boolean }): Promise<void> {
    this.#left ??= this.#leave(options)
    return this.#left
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#rejoinNeeded(signal)
        await this.#hooks.idle()
        if (await this.#round()) failures = 0
      } catch (error) {
        if (signal.aborted) return
        if (this.#loss.signal.aborted) {
          // The coordinator may hold the request that the loss aborted, and would not read another one behind it.
          this.#requests.closeConnections()
          continue
        }
        if (!this.#recover(error)) return
        failures++
        if (recoveryFrom(error).immediately !== true || failures > 3) await retryPause(this.#cluster, failures, signal)
      }
    }
  }

  async #rejoinNeeded(signal: AbortSignal): Promise<void> {
    while (this.#rejoinReason === undefined) await this.#wake.wait(signal)
  }

  /** This member's part of one rebalance. Returns whether it ended in an assignment; the signal aborts with a loss, or to leave. */
  async #round(): Promise<boolean> {
    const { runtime } = this.#cluster
    const startedMs = runtime.monoNow()
    this.#loss = new AbortController()
    const scope = scopeOf(runtime, undefined, [this.#stopping.signal, this.#loss.signal])
    const { signal } = scope
    const reason = this.#rejoinReason ?? ''
    try {
      const topics = await withSignal(this.#listener.subscribedTopics(signal), signal)
      await this.#ownership.prepare(topics, this.#cooperative)
      if (signal.aborted) return false
      this.#rejoinReason = undefined
      this.#state = 'joining'
      const { owned } = this.#ownership
      if (owned.length === 0) this.#session.stop()
      const joined = await this.#joins.run({ topics, owned, reason }, signal)
      this.#joinedTopics = topics
      await this.#complete(joined, startedMs, signal)
      return true
    } catch (error) {
      this.#rejoinReason ??= reason
      throw error
    } finally {
      scope.release()
    }
  }

  async #complete(joined: Joined, startedMs: number, signal: AbortSignal): Promise<void> {
    const { assigned, memberId, generation, protocol, isLeader } = joined
    this.#state = 'stable'
    this.#session.start()
    const revoked = without(this.#ownership.owned, assigned)
    if (revoked.length > 0) {
      await this.#ownership.revoke(revoked)
      this.rejoin(`${revoked.length} partitions were revoked`)
    }
    if (signal.aborted) return
    const changes = await this.#ownership.assign(assigned)
    if (signal.aborted) return
    this.metadataChanged()
    await this.#positioned(signal)
    if (signal.aborted) return
    const durationMs = this.#cluster.runtime.monoNow() - startedMs
    const { groupId } = this.#options
    this.#listener.onRebalanced({ groupId, memberId, generation, protocol, isLeader, assigned, ...changes, durationMs })
  }

  /** Waits for the positions, but never while the member has to join again. */
  async #positioned(round: AbortSignal): Promise<void> {
    if (this.#rejoinReason !== undefined) return
    const { runtime } = this.#cluster
    const ended = new AbortController()
    const scope = scopeOf(runtime, runtime.monoNow() + this.#options.rebalanceTimeoutMs, [round, ended.signal])
    const { signal } = scope
    try {
      const positioned = withSignal(this.#listener.positioned(this.#ownership.owned, signal), signal)
      await Promise.race([positioned, this.#rejoinNeeded(signal)])
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      ended.abort(new KafkaError('ABORTED', 'The wait for the positions has ended'))
      scope.release()
    }
  }

  /** Prepares the next round after one that failed; false when the membership failed for good. */
  #recover(error: unknown): boolean {
    const recovery = recoveryFrom(error)
    if (recovery.fatal || (recovery.unreachable && !this.#everReached)) {
      this.#fail(error)
      return false
    }
    const { groupId: group } = this.#options
    this.#cluster.logger.debug('joining the group failed', { group, error: textOf(error) })
    if (recovery.coordinatorLost) this.#cluster.forgetCoordinator('group', group)
    if (recovery.forget !== undefined) this.#lose(recovery.forget, reasonOf(error))
    return true
  }

  #lose(what: 'generation' | 'member', reason: string): void {
    const { groupId: group } = this.#options
    this.#session.stop()
    this.#identity.forget(what)
    if (this.#state === 'stable' || this.#state === 'joining') this.#state = 'unjoined'
    this.#cluster.logger.warn('group membership lost', { group, reason })
    const error = new KafkaError('ABORTED', `The membership in group '${group}' was lost: ${reason}`)
    this.#ownership.lose(error)
    this.#loss.abort(error)
    this.rejoin('the partitions were lost')
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    const failure = asKafkaError(error, 'Group membership').with({ fatal: true })
    this.#session.stop()
    this.#state = 'failed'
    this.#stopping.abort(failure)
    this.#ownership.lose(failure)
    this.#listener.onFatal(failure)
  }

  async #leave({ timeoutMs, reason, always }: Parameters<Membership['leave']>[0]): Promise<void> {
    const { runtime } = this.#cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    const failed = this.#state === 'failed'
    const leaving = new KafkaError('CLOSED', 'The consumer leaves its group')
    this.#stopping.abort(leaving)
    const parts = { cluster: this.#cluster, hooks: this.#hooks, ownership: this.#ownership, loop: this.#loop, failed }
    await handOver({ ...parts, groupId: this.#options.groupId }, timeoutMs, leaving)
    this.#session.stop()
    this.#hooks.close(leaving)
    const { memberId } = this.#identity
    const isStatic = this.#options.instanceId !== null && always !== true
    if (!failed && !isStatic && memberId !== '') {
      await this.#requests.leave(memberId, reason, Math.min(leaveRequestMs, deadlineMs - runtime.monoNow()))
    }
    this.#requests.closeConnections()
    this.#state = failed ? 'failed' : 'left'
  }
}

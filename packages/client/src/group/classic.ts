import type { JoinGroupResponse } from '@ottla/codec'
import type { ConnectionPurpose } from '../cluster/broker.ts'
import { retryPause } from '../cluster/retry-backoff.ts'
import { textOf } from '../error-data.ts'
import { meaningOf } from '../error-meaning.ts'
import { asKafkaError, type ErrorCode, KafkaError } from '../errors.ts'
import { WakeUp, within, withSignal } from '../runtime/wait.ts'
import type { Assignor } from './assignors/assignor.ts'
import { encodedPlan, userDataOf } from './assignors/run-assignor.ts'
import { type GroupCluster, GroupRequests, membersOf, partitionsOf, recoveryFrom } from './classic-requests.ts'
import { encodeSubscription } from './consumer-protocol.ts'
import { Heartbeat } from './heartbeat.ts'
import {
  type GroupIdentity,
  type Membership,
  type MembershipListener,
  type MembershipState,
  sameNames,
  type TopicPartition,
  without,
} from './membership.ts'

export interface ClassicOptions {
  readonly groupId: string
  readonly instanceId: string | null
  readonly rack: string | null
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  /** In the order of preference. */
  readonly assignors: readonly Assignor[]
  readonly purpose: ConnectionPurpose
}

/** A coordinator may hold a join for the whole rebalance timeout; the response needs time to arrive. As in Java. */
const joinSlackMs = 5_000

/** How long a LeaveGroup request may delay the rest of closing. */
const leaveRequestMs = 5_000

/** The share of the time for leaving that hooks and handlers may use. */
const handOverShare = 0.8

interface Joined {
  readonly response: JoinGroupResponse
  readonly topics: readonly string[]
}

/**
 * A member of a classic group: one loop that joins, receives its assignment, and waits for a reason to join again. At most one
 * JoinGroup is in flight, and all hooks are called from this loop, one after the other.
 */
export class ClassicMembership implements Membership {
  readonly #cluster: GroupCluster
  readonly #options: ClassicOptions
  readonly #listener: MembershipListener
  readonly #requests: GroupRequests
  readonly #heartbeat: Heartbeat
  readonly #wake = new WakeUp()
  readonly #stopping = new AbortController()
  /** Members keep their partitions while they join only if every assignor allows it, as in Java. */
  readonly #cooperative: boolean
  #state: MembershipState = 'unjoined'
  #memberId = ''
  #generation = -1
  #owned: readonly TopicPartition[] = []
  /** The partitions of the last assignment; unlike `#owned` kept while an eager member joins without any. */
  #held: readonly TopicPartition[] = []
  #rejoinReason: string | undefined = 'first join'
  #lostReason: string | undefined
  #joinedTopics: readonly string[] = []
  /** As leader: the partition counts that its last assignment is based on. */
  #assignedCounts: ReadonlyMap<string, number> | undefined
  #everJoined = false
  #loop: Promise<void> | undefined
  #left: Promise<void> | undefined

  constructor(cluster: GroupCluster, options: ClassicOptions, listener: MembershipListener) {
    this.#cluster = cluster
    this.#options = options
    this.#listener = listener
    this.#requests = new GroupRequests(cluster, options.groupId, options.purpose)
    this.#cooperative = options.assignors.every((assignor) => assignor.cooperative)
    this.#heartbeat = new Heartbeat(cluster.runtime, {
      intervalMs: options.heartbeatIntervalMs,
      sessionTimeoutMs: options.sessionTimeoutMs,
      requestTimeoutMs: cluster.options.requestTimeoutMs,
      beat: (timeoutMs, signal) => this.#beat(timeoutMs, signal),
      onExpired: () => this.#lose('generation', 'the session expired: no heartbeat succeeded in time'),
      onFailure: (error) =>
        this.#cluster.logger.debug('heartbeat failed', { group: options.groupId, error: String(error) }),
    })
  }

  get state(): MembershipState {
    return this.#state
  }

  get identity(): GroupIdentity {
    const { groupId, instanceId } = this.#options
    return { groupId, instanceId, memberId: this.#memberId, generation: this.#generation }
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
    for (const [topic, count] of this.#assignedCounts ?? []) {
      if ((this.#listener.knownPartitionCount(topic) ?? count) !== count) {
        this.rejoin(`the number of partitions of topic '${topic}' changed`)
      }
    }
  }

  fenced(code: ErrorCode, generation: number): void {
    if (generation !== this.#generation || this.#state !== 'stable') return
    this.#lose(meaningOf(code).member === 'unknown' ? 'member' : 'generation', code)
  }

  rebalanceSeen(generation: number): void {
    if (generation === this.#generation && this.#state === 'stable') this.rejoin('the group is rebalancing')
  }

  checkSession(): boolean {
    return this.#heartbeat.check()
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
        if (this.#rejoinReason === undefined && this.#lostReason === undefined) await this.#wake.wait(signal)
        if (await this.#round(signal)) failures = 0
      } catch (error) {
        if (signal.aborted) return
        if (!this.#recover(error)) return
        failures++
        if (recoveryFrom(error).immediately !== true || failures > 3) await retryPause(this.#cluster, failures, signal)
      }
    }
  }

  /** This member's part of one rebalance. Returns whether it ended in an assignment. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const startedMs = this.#cluster.runtime.monoNow()
    if (await this.#applyLoss()) return false
    if (this.#rejoinReason === undefined) return false
    const reason = this.#rejoinReason
    const topics = await this.#listener.subscribedTopics()
    await this.#prepare(topics)
    if (signal.aborted || this.#lostReason !== undefined) return false
    this.#rejoinReason = undefined
    try {
      this.#heartbeat.stop()
      this.#state = 'joining'
      const joined = await this.#join(topics, reason, signal)
      const assigned = await this.#sync(joined, signal)
      await this.#complete(joined, assigned, startedMs)
    } catch (error) {
      this.#rejoinReason ??= reason
      throw error
    }
    return true
  }

  async #applyLoss(): Promise<boolean> {
    if (this.#lostReason === undefined) return false
    const lost = this.#owned
    this.#cluster.logger.warn('group membership lost', { group: this.#options.groupId, reason: this.#lostReason })
    this.#lostReason = undefined
    this.#owned = []
    this.#held = []
    this.#rejoinReason ??= 'the partitions were lost'
    if (lost.length > 0) await this.#listener.onLost(lost)
    return this.#lostReason !== undefined
  }

  /** Before a join an eager member gives up all its partitions, a cooperative one those it no longer subscribes to. */
  async #prepare(topics: readonly string[]): Promise<void> {
    const subscribed = new Set(topics)
    const kept = this.#cooperative ? this.#owned.filter(({ topic }) => subscribed.has(topic)) : []
    const revoked = this.#cooperative ? this.#owned.filter(({ topic }) => !subscribed.has(topic)) : this.#owned
    if (revoked.length > 0) await this.#listener.onRevoked(revoked)
    if (kept.length > 0) await this.#listener.beforeJoin()
    // A loss of the membership during the hooks concerns only these.
    this.#owned = kept
  }

  async #join(topics: readonly string[], reason: string, signal: AbortSignal): Promise<Joined> {
    const { groupId, instanceId, rack, sessionTimeoutMs, rebalanceTimeoutMs, assignors } = this.#options
    const generation = this.#generation
    const subscription = { topics, owned: this.#owned, generation, rack }
    const protocols = assignors.map((assignor) => ({
      name: assignor.name,
      metadata: encodeSubscription({ ...subscription, userData: userDataOf(assignor, generation) }),
    }))
    for (;;) {
      const response = await this.#requests.join(
        {
          groupId,
          sessionTimeoutMs,
          rebalanceTimeoutMs,
          memberId: this.#memberId,
          groupInstanceId: instanceId,
          protocolType: 'consumer',
          protocols,
          reason,
        },
        rebalanceTimeoutMs + joinSlackMs,
        signal,
      )
      const idAssigned = this.#memberId === '' && response.errorCode !== 0
      this.#memberId = response.memberId
      if (idAssigned) continue
      if (response.errorCode !== 0)
        throw new KafkaError('MEMBER_ID_REQUIRED', 'The coordinator assigned a second member id', { retriable: true })
      this.#generation = response.generationId
      return { response, topics }
    }
  }

  async #sync({ response: joined }: Joined, signal: AbortSignal): Promise<TopicPartition[]> {
    const { groupId, instanceId, rebalanceTimeoutMs } = this.#options
    const isLeader = joined.leader === joined.memberId
    const assignments = isLeader ? await this.#assign(joined) : []
    const response = await this.#requests.sync(
      {
        groupId,
        generationId: joined.generationId,
        memberId: joined.memberId,
        groupInstanceId: instanceId,
        protocolType: 'consumer',
        protocolName: joined.protocolName,
        assignments,
      },
      rebalanceTimeoutMs + joinSlackMs,
      signal,
    )
    if (!isLeader) this.#assignedCounts = undefined
    return partitionsOf(response, groupId)
  }

  /** The leader's part. Keeps the partition counts to notice when they change, also where it need not assign (KIP-814). */
  async #assign(response: JoinGroupResponse): Promise<{ memberId: string; assignment: Buffer }[]> {
    const assignor = this.#options.assignors.find(({ name }) => name === response.protocolName)
    if (assignor === undefined) {
      const message = `The coordinator chose the assignor '${response.protocolName}', which this member does not have`
      throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', message)
    }
    const members = membersOf(response)
    const topics = [...new Set(members.flatMap((member) => member.topics))]
    const counts = await this.#listener.partitionCounts(topics)
    this.#assignedCounts = new Map(topics.map((topic) => [topic, counts.get(topic) ?? 0]))
    if (response.skipAssignment) return []
    return encodedPlan(assignor, counts, members)
  }

  async #complete({ response, topics }: Joined, assigned: readonly TopicPartition[], startedMs: number): Promise<void> {
    const revoked = without(this.#owned, assigned)
    const added = without(assigned, this.#owned)
    this.#state = 'stable'
    this.#everJoined = true
    this.#joinedTopics = topics
    this.#heartbeat.start()
    if (revoked.length > 0) {
      await this.#listener.onRevoked(revoked)
      this.rejoin(`${revoked.length} partitions were revoked`)
    }
    if (this.#lostReason !== undefined) return
    this.#owned = assigned
    await this.#listener.onAssigned(added)
    const before = this.#held
    this.#held = assigned
    this.#listener.onRebalanced({
      groupId: this.#options.groupId,
      memberId: response.memberId,
      generation: response.generationId,
      protocol: response.protocolName ?? '',
      isLeader: response.leader === response.memberId,
      assigned,
      added: without(assigned, before),
      revoked: without(before, assigned),
      durationMs: this.#cluster.runtime.monoNow() - startedMs,
    })
    this.metadataChanged()
  }

  async #beat(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { identity } = this
    try {
      await this.#requests.heartbeat(identity, timeoutMs, signal)
    } catch (error) {
      if (signal.aborted) return
      const recovery = recoveryFrom(error)
      if (recovery.coordinatorLost) this.#cluster.forgetCoordinator('group', this.#options.groupId)
      if (recovery.rebalancing) return this.rebalanceSeen(identity.generation)
      if (recovery.fatal) return this.#fail(error)
      if (recovery.forget !== undefined) return this.#lose(recovery.forget, reasonOf(error))
      throw error
    }
  }

  /** Prepares the next round after one that failed; false when the membership failed for good. */
  #recover(error: unknown): boolean {
    const recovery = recoveryFrom(error)
    if (recovery.fatal || (recovery.unreachable && !this.#everJoined)) {
      this.#fail(error)
      return false
    }
    this.#cluster.logger.debug('joining the group failed', { group: this.#options.groupId, error: String(error) })
    if (recovery.coordinatorLost) this.#cluster.forgetCoordinator('group', this.#options.groupId)
    if (recovery.forget !== undefined) this.#lose(recovery.forget, reasonOf(error))
    return true
  }

  #lose(what: 'generation' | 'member', reason: string): void {
    this.#heartbeat.stop()
    this.#generation = -1
    if (what === 'member') this.#memberId = ''
    if (this.#state === 'stable') this.#state = 'unjoined'
    this.#lostReason ??= reason
    this.#wake.wake()
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#heartbeat.stop()
    this.#state = 'failed'
    this.#stopping.abort(error)
    const lost = this.#owned
    this.#owned = []
    const report = () => this.#listener.onFatal(asKafkaError(error, 'Group membership').with({ fatal: true }))
    if (lost.length === 0) report()
    else void this.#listener.onLost(lost).finally(report)
  }

  async #leave({ timeoutMs, reason, always }: Parameters<Membership['leave']>[0]): Promise<void> {
    const { runtime } = this.#cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    const failed = this.#state === 'failed'
    // Hooks cannot use all of the time: some is reserved for the LeaveGroup request.
    const limits = { operation: 'Handing over the partitions', timeoutMs: timeoutMs * handOverShare }
    try {
      this.#stopping.abort(new KafkaError('CLOSED', 'The consumer leaves its group'))
      await within(runtime, limits, (signal) => withSignal(this.#handOver(), signal))
    } catch (error) {
      this.#cluster.logger.warn('revoking the partitions before leaving took too long', {
        group: this.#options.groupId,
        error: String(error),
      })
    }
    this.#heartbeat.stop()
    const isStatic = this.#options.instanceId !== null && always !== true
    if (!failed && !isStatic && this.#memberId !== '') {
      await this.#requests.leave(this.identity, reason, Math.min(leaveRequestMs, deadlineMs - runtime.monoNow()))
    }
    this.#state = failed ? 'failed' : 'left'
  }

  async #handOver(): Promise<void> {
    await this.#loop
    const partitions = this.#owned
    this.#owned = []
    if (partitions.length === 0) return
    if (this.#lostReason === undefined) await this.#listener.onRevoked(partitions)
    else await this.#listener.onLost(partitions)
  }
}

function reasonOf(error: unknown): string {
  return KafkaError.is(error) ? error.code : textOf(error)
}

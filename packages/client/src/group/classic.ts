import type { JoinGroupResponse } from '@ottla/codec'
import type { Connection } from '../cluster/broker.ts'
import { asKafkaError, KafkaError } from '../errors.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { scopeOf, sleep, WakeUp, withSignal } from '../runtime/wait.ts'
import type { Assignor } from './assignors/assignor.ts'
import { type GroupCluster, GroupRequests, membersOf, remedyOf } from './classic-requests.ts'
import { decodeAssignment, encodeAssignment, encodeSubscription } from './consumer-protocol.ts'
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
  readonly purpose: Connection
}

/** A coordinator answers a join when the rebalance timeout passed; the answer needs its time too. As Java. */
const joinSlackMs = 5_000

/** How long a leave may hold up the rest of closing. */
const leaveRequestMs = 5_000

/** The part of the time for leaving that hooks and handlers may take. */
const handOverShare = 0.8

interface Joined {
  readonly response: JoinGroupResponse
  readonly topics: readonly string[]
}

/**
 * A member of a classic group: one loop that joins, gets its assignment, and waits until there is a reason to join again. At most
 * one JoinGroup is ever under way, and all hooks are called from this loop, one after the other.
 */
export class ClassicMembership implements Membership {
  readonly #cluster: GroupCluster
  readonly #options: ClassicOptions
  readonly #listener: MembershipListener
  readonly #requests: GroupRequests
  readonly #heartbeat: Heartbeat
  readonly #wake = new WakeUp()
  readonly #stopping = new AbortController()
  /** All members keep their partitions while joining, if every assignor can: the lowest common protocol, as in Java. */
  readonly #cooperative: boolean
  #state: MembershipState = 'unjoined'
  #memberId = ''
  #generation = -1
  #owned: readonly TopicPartition[] = []
  /** As of the last rebalance: an eager member owns nothing while it joins. */
  #held: readonly TopicPartition[] = []
  #rejoinReason: string | undefined = 'first join'
  #lostReason: string | undefined
  #joinedTopics: readonly string[] = []
  /** Of a leader: what it assigned by. */
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
      onExpired: () => this.#lose('generation', 'the session expired: no heartbeat was answered in time'),
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
        this.rejoin(`topic ${topic} has another number of partitions`)
      }
    }
  }

  fenced(code: string, generation: number): void {
    if (generation !== this.#generation || this.#state !== 'stable') return
    this.#lose(code === 'UNKNOWN_MEMBER_ID' ? 'member' : 'generation', code)
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
        if (remedyOf(error).atOnce !== true || failures > 3) await this.#pause(failures, signal)
      }
    }
  }

  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const { retryBackoffMs, retryBackoffMaxMs } = this.#cluster.options
    const pauseMs = backoffMs(this.#cluster.runtime, failures, { firstMs: retryBackoffMs, maxMs: retryBackoffMaxMs })
    await sleep(this.#cluster.runtime, pauseMs, signal).catch(() => {})
  }

  /** One rebalance from this member's side. True when it ended in an assignment. */
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
    this.#cluster.logger.warn('lost the place in the group', { group: this.#options.groupId, reason: this.#lostReason })
    this.#lostReason = undefined
    this.#owned = []
    this.#held = []
    this.#rejoinReason ??= 'the partitions were lost'
    if (lost.length > 0) await this.#listener.onLost(lost)
    return this.#lostReason !== undefined
  }

  /** Eager: everything is given up before the join. Cooperative: only what is no longer subscribed to. */
  async #prepare(topics: readonly string[]): Promise<void> {
    const wanted = new Set(topics)
    const kept = this.#cooperative ? this.#owned.filter(({ topic }) => wanted.has(topic)) : []
    const given = this.#cooperative ? this.#owned.filter(({ topic }) => !wanted.has(topic)) : this.#owned
    if (given.length > 0) await this.#listener.onRevoked(given)
    if (kept.length > 0) await this.#listener.beforeJoin()
    // A loss meanwhile concerns only what is left.
    this.#owned = kept
  }

  async #join(topics: readonly string[], reason: string, signal: AbortSignal): Promise<Joined> {
    const { groupId, instanceId, rack, sessionTimeoutMs, rebalanceTimeoutMs, assignors } = this.#options
    const generation = this.#generation
    const subscription = { topics, owned: this.#owned, generation, rack }
    const protocols = assignors.map((assignor) => ({
      name: assignor.name,
      metadata: encodeSubscription({ ...subscription, userData: assignor.userData?.(generation) ?? null }),
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
      const idGiven = this.#memberId === '' && response.errorCode !== 0
      this.#memberId = response.memberId
      if (idGiven) continue
      if (response.errorCode !== 0)
        throw new KafkaError('MEMBER_ID_REQUIRED', 'the coordinator gave a second member id', { retriable: true })
      this.#generation = response.generationId
      return { response, topics }
    }
  }

  async #sync({ response }: Joined, signal: AbortSignal): Promise<TopicPartition[]> {
    const { groupId, instanceId, rebalanceTimeoutMs } = this.#options
    const isLeader = response.leader === response.memberId
    const assignments = isLeader ? await this.#assign(response) : []
    const { assignment } = await this.#requests.sync(
      {
        groupId,
        generationId: response.generationId,
        memberId: response.memberId,
        groupInstanceId: instanceId,
        protocolType: 'consumer',
        protocolName: response.protocolName,
        assignments,
      },
      rebalanceTimeoutMs + joinSlackMs,
      signal,
    )
    if (!isLeader) this.#assignedCounts = undefined
    try {
      return decodeAssignment(assignment)
    } catch (cause) {
      throw new KafkaError(
        'PROTOCOL_ERROR',
        `the leader of group '${groupId}' sent an assignment that cannot be read`,
        { cause },
      )
    }
  }

  /** The leader's part. It remembers what it saw, to notice when topics change (KIP-814: also when it need not assign). */
  async #assign(response: JoinGroupResponse): Promise<{ memberId: string; assignment: Buffer }[]> {
    const assignor = this.#options.assignors.find(({ name }) => name === response.protocolName)
    if (assignor === undefined) {
      throw new KafkaError(
        'INCONSISTENT_GROUP_PROTOCOL',
        `the coordinator chose the assignor '${response.protocolName}'`,
      )
    }
    const members = membersOf(response)
    const topics = [...new Set(members.flatMap((member) => member.topics))]
    const counts = await this.#listener.partitionCounts(topics)
    this.#assignedCounts = new Map(topics.map((topic) => [topic, counts.get(topic) ?? 0]))
    if (response.skipAssignment) return []
    const plan = assignor.assign(counts, members)
    return Array.from(plan, ([memberId, own]) => ({ memberId, assignment: encodeAssignment(own) }))
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
      this.rejoin(`${revoked.length} partitions were given up`)
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
      const remedy = remedyOf(error)
      if (remedy.moved) this.#cluster.forgetCoordinator('group', this.#options.groupId)
      if (KafkaError.is(error) && error.code === 'REBALANCE_IN_PROGRESS') return this.rebalanceSeen(identity.generation)
      if (remedy.fatal) return this.#fail(error)
      if (remedy.forget !== undefined) return this.#lose(remedy.forget, String((error as KafkaError).code))
      throw error
    }
  }

  /** Makes ready for the next round after a failed one; false when there is none. */
  #recover(error: unknown): boolean {
    const remedy = remedyOf(error)
    const unreachable = KafkaError.is(error) && (error.code === 'TIMED_OUT' || error.code === 'NO_BROKER_REACHABLE')
    if (remedy.fatal || (unreachable && !this.#everJoined)) {
      this.#fail(error)
      return false
    }
    this.#cluster.logger.debug('joining the group failed', { group: this.#options.groupId, error: String(error) })
    if (remedy.moved) this.#cluster.forgetCoordinator('group', this.#options.groupId)
    if (remedy.forget !== undefined) this.#lose(remedy.forget, String((error as KafkaError).code))
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
    const tell = () => this.#listener.onFatal(asKafkaError(error, 'Being a member of the group'))
    if (lost.length === 0) tell()
    else void this.#listener.onLost(lost).finally(tell)
  }

  async #leave({ timeoutMs, reason, always }: Parameters<Membership['leave']>[0]): Promise<void> {
    const { runtime } = this.#cluster
    const deadlineMs = runtime.monoNow() + timeoutMs
    const failed = this.#state === 'failed'
    // Some of the time is kept for the goodbye, whatever hooks do with the rest.
    const scope = scopeOf(runtime, runtime.monoNow() + timeoutMs * handOverShare, [])
    try {
      this.#stopping.abort(new KafkaError('CLOSED', 'the consumer leaves its group'))
      await withSignal(this.#handOver(), scope.signal)
    } catch (error) {
      this.#cluster.logger.warn('giving up the partitions took too long', {
        group: this.#options.groupId,
        error: String(error),
      })
    }
    scope.release()
    this.#heartbeat.stop()
    const stays = this.#options.instanceId !== null && always !== true
    if (!failed && !stays && this.#memberId !== '') {
      await this.#requests.leave(this.identity, reason, Math.min(leaveRequestMs, deadlineMs - runtime.monoNow()))
    }
    this.#state = failed ? 'failed' : 'left'
  }

  async #handOver(): Promise<void> {
    await this.#loop
    const given = this.#owned
    this.#owned = []
    if (given.length === 0) return
    if (this.#lostReason === undefined) await this.#listener.onRevoked(given)
    else await this.#listener.onLost(given)
  }
}

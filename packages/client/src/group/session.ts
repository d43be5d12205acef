import { textOf } from '../error-data.ts'
import { KafkaError } from '../errors.ts'
import { type GroupCluster, type GroupRequests, recoveryFrom } from './classic-requests.ts'
import { Heartbeat } from './heartbeat.ts'
import type { MemberIdentity } from './member-identity.ts'
import type { GroupIdentity } from './membership.ts'

export interface SessionOptions {
  readonly groupId: string
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

/** What a session reports to its membership. */
export interface SessionHost {
  /** A join or sync has not succeeded yet. */
  isJoining(): boolean
  rebalanceSeen(generation: number): void
  lose(what: 'generation' | 'member', reason: string): void
  fail(error: unknown): void
}

/**
 * The member's session, and what the response to each heartbeat means for it. The session ends when no heartbeat had a response for
 * `sessionTimeoutMs`, and when the coordinator does not have the member. During a join heartbeats have a connection of their own:
 * the coordinator may hold the join for the whole rebalance timeout, and does not expire a member whose join it holds.
 */
export class Session {
  readonly #cluster: GroupCluster
  readonly #options: SessionOptions
  readonly #requests: GroupRequests
  readonly #identity: MemberIdentity
  readonly #host: SessionHost
  readonly #heartbeat: Heartbeat

  constructor(
    cluster: GroupCluster,
    options: SessionOptions,
    requests: GroupRequests,
    identity: MemberIdentity,
    host: SessionHost,
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#requests = requests
    this.#identity = identity
    this.#host = host
    const { groupId, heartbeatIntervalMs: intervalMs, sessionTimeoutMs } = options
    this.#heartbeat = new Heartbeat(cluster.runtime, {
      intervalMs,
      sessionTimeoutMs,
      requestTimeoutMs: cluster.options.requestTimeoutMs,
      beat: (timeoutMs, signal) => this.#beat(timeoutMs, signal),
      onExpired: () => host.lose('generation', 'the session expired: no heartbeat had a response in time'),
      onFailure: (error) => cluster.logger.debug('heartbeat failed', { group: groupId, error: textOf(error) }),
    })
  }

  /** A session begins, or continues after a join. */
  start(): void {
    this.#heartbeat.start()
  }

  /** The coordinator has confirmed the member in another response. */
  renew(): void {
    this.#heartbeat.renew()
  }

  stop(): void {
    this.#heartbeat.stop()
  }

  /** Whether the session is still valid by the clock. */
  check(): boolean {
    return this.#heartbeat.check()
  }

  async #beat(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const connection = this.#host.isJoining() ? 'heartbeat' : 'coordinator'
    let sent = this.#identity.current
    const identity = () => {
      sent = this.#identity.current
      return sent
    }
    try {
      await this.#requests.heartbeat(identity, connection, timeoutMs, signal)
    } catch (error) {
      if (!signal.aborted) this.#failed(error, sent)
    }
  }

  /** Throws when the response is none of the coordinator, so that it does not count. */
  #failed(error: unknown, sent: GroupIdentity): void {
    const recovery = recoveryFrom(error)
    if (recovery.coordinatorLost) this.#cluster.forgetCoordinator('group', this.#options.groupId)
    if (recovery.fatal) this.#host.fail(error)
    else if (recovery.rebalancing) this.#host.rebalanceSeen(sent.generation)
    else if (recovery.forget === 'member') this.#unknown(error, sent)
    else if (recovery.forget === 'generation') this.#outdated(error, sent)
    else throw error
  }

  #unknown(error: unknown, sent: GroupIdentity): void {
    if (sent.memberId === this.#identity.memberId) this.#host.lose('member', reasonOf(error))
  }

  /**
   * During a join it says nothing about the partitions: the generation moves when the join completes, and its response may still
   * be on the way. The coordinator has the member, or it would not know the generation either. A static member also remains in
   * the group when its joins do not arrive, so for it only the join itself can confirm the membership.
   */
  #outdated(error: unknown, sent: GroupIdentity): void {
    if (this.#host.isJoining()) {
      if (this.#options.instanceId !== null) throw error
      return
    }
    if (sent.generation === this.#identity.generation) this.#host.lose('generation', reasonOf(error))
  }
}

export function reasonOf(error: unknown): string {
  return KafkaError.is(error) ? error.code : textOf(error)
}

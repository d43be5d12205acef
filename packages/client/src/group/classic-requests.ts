import {
  type ErrorName,
  errorOf,
  Heartbeat,
  JoinGroup,
  type JoinGroupRequest,
  type JoinGroupResponse,
  LeaveGroup,
  SyncGroup,
  type SyncGroupRequest,
  type SyncGroupResponse,
} from '@ottla/codec'
import type { Broker, Connection } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { KafkaError, kafkaErrorOf } from '../errors.ts'
import { scopeOf } from '../runtime/wait.ts'
import type { GroupMember } from './assignors/assignor.ts'
import { decodeSubscription } from './consumer-protocol.ts'
import type { GroupIdentity } from './membership.ts'
import { isTransient } from './passing.ts'

/** What a membership needs of the cluster. */
export type GroupCluster = Pick<Cluster, 'runtime' | 'logger' | 'options' | 'coordinator' | 'forgetCoordinator'>

/** What a failed step leads to. */
export interface Remedy {
  /** What the coordinator no longer knows: this generation, or the member id too. Partitions are lost then. */
  readonly forget?: 'generation' | 'member'
  /** Look the coordinator up again. */
  readonly moved?: true
  /** Without a pause. */
  readonly atOnce?: true
  readonly fatal?: true
}

const remedies = new Map<ErrorName, Remedy>([
  ['UNKNOWN_MEMBER_ID', { forget: 'member' }],
  ['ILLEGAL_GENERATION', { forget: 'generation' }],
  ['MEMBER_ID_REQUIRED', { atOnce: true }],
  ['REBALANCE_IN_PROGRESS', { atOnce: true }],
  ['COORDINATOR_LOAD_IN_PROGRESS', {}],
  ['COORDINATOR_NOT_AVAILABLE', { moved: true }],
  ['NOT_COORDINATOR', { moved: true }],
  ['UNKNOWN_SERVER_ERROR', {}],
])

/** What to do about an error of join, sync or heartbeat, whether the broker answered it or the way to the broker failed. */
export function remedyOf(error: unknown): Remedy {
  if (!KafkaError.is(error)) return { fatal: true }
  const known = remedies.get(error.code as ErrorName)
  if (known !== undefined) return known
  // Not having reached the coordinator says nothing about the group.
  if (isTransient(error)) return { moved: true }
  return { fatal: true }
}

const hints: Partial<Record<ErrorName, string>> = {
  INCONSISTENT_GROUP_PROTOCOL:
    'The members of a group need an assignor in common, and the same protocol type: compare `assignors` with the other members.',
  INVALID_SESSION_TIMEOUT:
    'Set `sessionTimeoutMs` between the broker’s group.min.session.timeout.ms and group.max.session.timeout.ms.',
  GROUP_MAX_SIZE_REACHED: 'The group has group.max.size members already.',
  INVALID_GROUP_ID: 'Give a `groupId` that is not empty.',
}

function check(code: number, operation: string, broker: Broker, groupId: string): void {
  if (code === 0) return
  const hint = hints[errorOf(code).name]
  throw kafkaErrorOf(code, operation, { broker, group: groupId, hint, fatal: hint !== undefined })
}

/** The requests of one member of a classic group, on a lane of their own: the broker holds joins for minutes. */
export class GroupRequests {
  readonly #cluster: GroupCluster
  readonly #groupId: string
  readonly #purpose: Connection

  constructor(cluster: GroupCluster, groupId: string, purpose: Connection) {
    this.#cluster = cluster
    this.#groupId = groupId
    this.#purpose = purpose
  }

  async #coordinator(signal: AbortSignal, timeoutMs?: number): Promise<Broker> {
    return this.#cluster.coordinator('group', this.#groupId, { signal, timeoutMs })
  }

  /** MEMBER_ID_REQUIRED is no error but the first half of the answer, as `memberId` and no generation. */
  async join(body: JoinGroupRequest, timeoutMs: number, signal: AbortSignal): Promise<JoinGroupResponse> {
    const broker = await this.#coordinator(signal)
    const response = await broker.request(JoinGroup, body, { purpose: this.#purpose, timeoutMs, signal })
    if (errorOf(response.errorCode).name === 'MEMBER_ID_REQUIRED' && response.memberId !== '') return response
    check(response.errorCode, 'Joining the group', broker, this.#groupId)
    return response
  }

  async sync(body: SyncGroupRequest, timeoutMs: number, signal: AbortSignal): Promise<SyncGroupResponse> {
    const broker = await this.#coordinator(signal)
    const response = await broker.request(SyncGroup, body, { purpose: this.#purpose, timeoutMs, signal })
    check(response.errorCode, 'Getting the assignment', broker, this.#groupId)
    return response
  }

  async heartbeat(identity: GroupIdentity, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const broker = await this.#coordinator(signal, timeoutMs)
    const body = {
      groupId: this.#groupId,
      generationId: identity.generation,
      memberId: identity.memberId,
      groupInstanceId: identity.instanceId,
    }
    const { errorCode } = await broker.request(Heartbeat, body, { purpose: this.#purpose, timeoutMs, signal })
    check(errorCode, 'Heartbeat', broker, this.#groupId)
  }

  /**
   * Never rejects: without a goodbye the others get the partitions after the session timeout. On the general lane, because the
   * member's own may be held by a join that nobody waits for any more.
   */
  async leave({ memberId, instanceId }: GroupIdentity, reason: string, limitMs: number): Promise<void> {
    const { runtime, logger } = this.#cluster
    const timeoutMs = Math.max(1, limitMs)
    const scope = scopeOf(runtime, runtime.monoNow() + timeoutMs, [])
    const { signal } = scope
    const groupId = this.#groupId
    const members = [{ memberId, groupInstanceId: instanceId, reason }]
    const body = (version: number) => (version < 3 ? { groupId, memberId } : { groupId, memberId: '', members })
    try {
      const broker = await this.#coordinator(signal, timeoutMs)
      const response = await broker.request(LeaveGroup, body, { timeoutMs, signal })
      check(response.errorCode || (response.members[0]?.errorCode ?? 0), 'Leaving the group', broker, groupId)
    } catch (error) {
      logger.debug('leaving the group failed', { group: groupId, error: String(error) })
    } finally {
      scope.release()
    }
  }
}

/** The members as the leader is told of them. */
export function membersOf({ members }: JoinGroupResponse): GroupMember[] {
  return members.map(({ memberId, groupInstanceId, metadata }) => ({
    memberId,
    instanceId: groupInstanceId,
    ...decodeSubscription(metadata),
  }))
}

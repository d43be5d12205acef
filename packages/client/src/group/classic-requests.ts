import {
  Heartbeat,
  JoinGroup,
  type JoinGroupRequest,
  type JoinGroupResponse,
  LeaveGroup,
  SyncGroup,
  type SyncGroupRequest,
  type SyncGroupResponse,
} from '@ottla/codec'
import type { Broker, ConnectionPurpose } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { coordinatorLost, isTransient, meaningOf } from '../error-meaning.ts'
import { KafkaError, kafkaErrorOf } from '../errors.ts'
import { within } from '../runtime/wait.ts'
import type { GroupMember } from './assignors/assignor.ts'
import { decodeAssignment, decodeSubscription } from './consumer-protocol.ts'
import type { GroupIdentity, TopicPartition } from './membership.ts'

/** What a membership needs of the cluster. */
export type GroupCluster = Pick<Cluster, 'runtime' | 'logger' | 'options' | 'coordinator' | 'forgetCoordinator'>

/** What a membership does after a failed join, sync or heartbeat. */
export interface Recovery {
  /** What the coordinator no longer has: this generation, or the member id too. The partitions are lost then. */
  readonly forget?: 'generation' | 'member'
  /** The group is rebalancing: join again. */
  readonly rebalancing?: true
  /** Look up the coordinator again. */
  readonly coordinatorLost?: boolean
  /** No broker could be reached until the deadline of the look-up. */
  readonly unreachable?: boolean
  /** Continue without a pause. */
  readonly immediately?: true
  readonly fatal?: true
}

/** For an error that the coordinator reported, or one on the way to it, which says nothing about the group. */
export function recoveryFrom(error: unknown): Recovery {
  if (!KafkaError.is(error)) return { fatal: true }
  const { member, ended, connection } = meaningOf(error.code)
  switch (member) {
    case 'unknown':
      return { forget: 'member' }
    case 'stale-generation':
      return { forget: 'generation' }
    case 'id-required':
      return { immediately: true }
    case 'rebalancing':
      return { rebalancing: true, immediately: true }
    case 'replaced':
      return { fatal: true }
  }
  if (!isTransient(error)) return { fatal: true }
  const unreachable = ended === 'deadline' || connection === 'unreachable'
  return { coordinatorLost: coordinatorLost(error), unreachable }
}

function check(code: number, operation: string, broker: Broker, group: string): void {
  if (code !== 0) throw kafkaErrorOf(code, operation, { broker, group })
}

/** The requests of one member of a classic group, on a connection of their own: a broker may hold a join for minutes. */
export class GroupRequests {
  readonly #cluster: GroupCluster
  readonly #groupId: string
  readonly #purpose: ConnectionPurpose

  constructor(cluster: GroupCluster, groupId: string, purpose: ConnectionPurpose) {
    this.#cluster = cluster
    this.#groupId = groupId
    this.#purpose = purpose
  }

  async #coordinator(signal: AbortSignal, timeoutMs?: number): Promise<Broker> {
    return this.#cluster.coordinator('group', this.#groupId, { signal, timeoutMs })
  }

  /** Returns a response with MEMBER_ID_REQUIRED too: it is the first half of a join, and holds the member id to join with. */
  async join(body: JoinGroupRequest, timeoutMs: number, signal: AbortSignal): Promise<JoinGroupResponse> {
    const broker = await this.#coordinator(signal)
    const response = await broker.request(JoinGroup, body, { purpose: this.#purpose, timeoutMs, signal })
    if (meaningOf(response.errorCode).member === 'id-required' && response.memberId !== '') return response
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
   * Never rejects: after a failure the other members get the partitions when the session times out. Uses the general connection,
   * because a join that was given up may still hold the member's own.
   */
  async leave({ memberId, instanceId }: GroupIdentity, reason: string, limitMs: number): Promise<void> {
    const { runtime, logger } = this.#cluster
    const timeoutMs = Math.max(1, limitMs)
    const groupId = this.#groupId
    const members = [{ memberId, groupInstanceId: instanceId, reason }]
    const body = (version: number) => (version < 3 ? { groupId, memberId } : { groupId, memberId: '', members })
    try {
      await within(runtime, { operation: 'Leaving the group', timeoutMs }, async (signal) => {
        const broker = await this.#coordinator(signal, timeoutMs)
        const response = await broker.request(LeaveGroup, body, { timeoutMs, signal })
        check(response.errorCode || (response.members[0]?.errorCode ?? 0), 'Leaving the group', broker, groupId)
      })
    } catch (error) {
      logger.debug('leaving the group failed', { group: groupId, error: String(error) })
    }
  }
}

/** The members of the group, as the leader receives them. */
export function membersOf({ members }: JoinGroupResponse): GroupMember[] {
  return members.map(({ memberId, groupInstanceId, metadata }) => ({
    memberId,
    instanceId: groupInstanceId,
    ...decodeSubscription(metadata),
  }))
}

/** The partitions that the leader, which may be any client, assigned to this member. */
export function partitionsOf({ assignment }: SyncGroupResponse, groupId: string): TopicPartition[] {
  try {
    return decodeAssignment(assignment)
  } catch (cause) {
    throw new KafkaError('PROTOCOL_ERROR', `The assignment from the leader of group '${groupId}' cannot be decoded`, {
      cause,
      hint: 'Check the other members of the group: one of them wrote an assignment in a format that Kafka does not have.',
    })
  }
}

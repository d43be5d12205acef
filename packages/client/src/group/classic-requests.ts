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
import type { Broker } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { coordinatorLost, isTransient, meaningOf } from '../error-meaning.ts'
import { type ErrorCode, KafkaError, kafkaErrorOf } from '../errors.ts'
import { within } from '../runtime/wait.ts'
import type { RawMember } from './assignors/raw-assignor.ts'
import { decodeAssignment } from './consumer-protocol.ts'
import type { GroupIdentity, MemberConnections } from './membership.ts'

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

interface Member {
  readonly groupId: string
  readonly instanceId: string | null
}

/** The error of a static member that another one replaced. */
export function replacedError(code: ErrorCode, { groupId, instanceId }: Member): KafkaError {
  const message = `Group membership failed (group '${groupId}'): ${code}, ${replacedBy(instanceId)}`
  const hint = 'Give each member an `instanceId` of its own: another consumer uses this one.'
  return new KafkaError(code, message, { hint, fatal: true })
}

function replacedBy(instanceId: string | null): string {
  return `another member joined with the instance id '${instanceId}'`
}

/** What the member offered, where the group refuses that. */
function refusal(code: number, { protocols }: JoinGroupRequest): string | undefined {
  if (meaningOf(code).member !== 'incompatible') return undefined
  const names = protocols.map(({ name }) => `'${name}'`).join(', ')
  return `the group has no assignor or protocol type in common with this member, which offers ${names}`
}

/** The requests of one member of a classic group, on connections of its own: a broker may hold a join for minutes. */
export class GroupRequests {
  readonly #cluster: GroupCluster
  readonly #member: Member
  readonly #connections: MemberConnections

  constructor(cluster: GroupCluster, member: Member, connections: MemberConnections) {
    this.#cluster = cluster
    this.#member = member
    this.#connections = connections
  }

  async #coordinator(signal: AbortSignal, timeoutMs?: number): Promise<Broker> {
    const broker = await this.#cluster.coordinator('group', this.#member.groupId, { signal, timeoutMs })
    signal.throwIfAborted()
    return broker
  }

  #check(code: number, operation: string, broker: Broker, why?: string): void {
    if (code === 0) return
    const { groupId: group, instanceId } = this.#member
    const replaced = meaningOf(code).member === 'replaced'
    const message = replaced ? replacedBy(instanceId) : why
    throw kafkaErrorOf(code, operation, { broker, group, message })
  }

  /**
   * Returns a response with MEMBER_ID_REQUIRED too: it is the first half of a join, and holds the member id to join with. The body
   * is created when the coordinator is known.
   */
  async join(body: () => JoinGroupRequest, timeoutMs: number, signal: AbortSignal): Promise<JoinGroupResponse> {
    const broker = await this.#coordinator(signal)
    const options = { purpose: this.#connections.coordinator.to(broker), timeoutMs, signal }
    const sent = body()
    const response = await broker.request(JoinGroup, sent, options)
    if (meaningOf(response.errorCode).member === 'id-required' && response.memberId !== '') return response
    this.#check(response.errorCode, 'Joining the group', broker, refusal(response.errorCode, sent))
    return response
  }

  async sync(body: SyncGroupRequest, timeoutMs: number, signal: AbortSignal): Promise<SyncGroupResponse> {
    const broker = await this.#coordinator(signal)
    const options = { purpose: this.#connections.coordinator.to(broker), timeoutMs, signal }
    const response = await broker.request(SyncGroup, body, options)
    this.#check(response.errorCode, 'Getting the assignment', broker)
    return response
  }

  /** `identity` is called for each attempt to write the request. */
  async heartbeat(
    identity: () => GroupIdentity,
    connection: 'coordinator' | 'heartbeat',
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const broker = await this.#coordinator(signal, timeoutMs)
    const body = () => {
      const { groupId, generation: generationId, memberId, instanceId: groupInstanceId } = identity()
      return { groupId, generationId, memberId, groupInstanceId }
    }
    const options = { purpose: this.#connections[connection].to(broker), timeoutMs, signal }
    const { errorCode } = await broker.request(Heartbeat, body, options)
    this.#check(errorCode, 'Heartbeat', broker)
  }

  /** The next join opens another connection: one that was given up may hold the old one for minutes. */
  closeConnections(): void {
    this.#connections.coordinator.close()
    this.#connections.heartbeat.close()
  }

  /**
   * Never rejects: after a failure the other members get the partitions when the session times out. Uses the
   * connection of the commits, behind which the coordinator must process it; a join that was given up may still hold the other one.
   */
  async leave(memberId: string, reason: string, limitMs: number): Promise<void> {
    const { runtime, logger } = this.#cluster
    const timeoutMs = Math.max(1, limitMs)
    const { groupId, instanceId } = this.#member
    const members = [{ memberId, groupInstanceId: instanceId, reason }]
    const body = (version: number) => (version < 3 ? { groupId, memberId } : { groupId, memberId: '', members })
    try {
      await within(runtime, { operation: 'Leaving the group', timeoutMs }, async (signal) => {
        const broker = await this.#coordinator(signal, timeoutMs)
        const options = { purpose: this.#connections.offsets.to(broker), timeoutMs, signal }
        const response = await broker.request(LeaveGroup, body, options)
        this.#check(response.errorCode || (response.members[0]?.errorCode ?? 0), 'Leaving the group', broker)
      })
    } catch (error) {
      logger.debug('leaving the group failed', { group: groupId, error: String(error) })
    }
  }
}

/** The members of the group, as the leader receives them. */
export function membersOf({ members }: JoinGroupResponse): RawMember[] {
  return members.map(({ memberId, groupInstanceId: instanceId, metadata }) => ({ memberId, instanceId, metadata }))
}

/** What the leader, which may be any client, assigned to this member. */
export function assignmentOf({ assignment }: SyncGroupResponse, groupId: string): ReturnType<typeof decodeAssignment> {
  try {
    return decodeAssignment(assignment)
  } catch (cause) {
    throw new KafkaError('PROTOCOL_ERROR', `The assignment from the leader of group '${groupId}' cannot be decoded`, {
      cause,
      hint: 'Check the other members of the group: one of them wrote an assignment in a format that Kafka does not have.',
    })
  }
}

import type { JoinGroupRequest, JoinGroupResponse, SyncGroupRequest } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import { KafkaError } from '../errors.ts'
import { withSignal } from '../runtime/wait.ts'
import { guarded } from './assignors/guarded.ts'
import type { ProtocolAssignor } from './assignors/protocol-assignor.ts'
import { assignmentOf, type GroupRequests, membersOf } from './classic-requests.ts'
import type { MemberIdentity } from './member-identity.ts'
import {
  type KnownTopic,
  type MembershipListener,
  sameNames,
  type TopicLayout,
  type TopicPartition,
} from './membership.ts'

export interface JoinOptions {
  readonly groupId: string
  readonly instanceId: string | null
  readonly rack: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** In the order of preference. */
  readonly assignors: readonly ProtocolAssignor[]
}

/** What the member brings to a join. */
export interface JoinClaim {
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  readonly reason: string
}

export interface Joined {
  readonly memberId: string
  readonly generation: number
  readonly protocol: string
  readonly isLeader: boolean
  readonly leaderId: string
  readonly assigned: readonly TopicPartition[]
}

/** A coordinator may hold a join for the whole rebalance timeout; the response needs time to arrive. As in Java. */
const joinSlackMs = 5_000

/** What a round calls in its membership. */
export interface JoinHost extends Pick<MembershipListener, 'layouts' | 'knownTopic'> {
  readonly runtime: Runtime
  /** A response of the coordinator has confirmed the member. */
  onContact(): void
  /** The member is about to assign, which may take time: the coordinator expects heartbeats meanwhile. */
  onLeading(): void
}

type Layouts = ReadonlyMap<string, TopicLayout>

/** JoinGroup and SyncGroup: from a subscription to an assignment. As leader it assigns the partitions of the whole group. */
export class JoinRound {
  readonly #options: JoinOptions
  readonly #requests: GroupRequests
  readonly #identity: MemberIdentity
  readonly #host: JoinHost
  /** As leader: what its last assignment is based on. */
  #layouts: Layouts | undefined
  /** The assigned topics as this member had them before the join. */
  #assignedTopics: ReadonlyMap<string, KnownTopic> = new Map()

  constructor(options: JoinOptions, requests: GroupRequests, identity: MemberIdentity, host: JoinHost) {
    this.#options = options
    this.#requests = requests
    this.#identity = identity
    this.#host = host
  }

  async run(claim: JoinClaim, signal: AbortSignal): Promise<Joined> {
    const before = new Map(claim.topics.map((topic) => [topic, this.#host.knownTopic(topic)]))
    const joined = await this.#join(claim, signal)
    const { groupId } = this.#options
    const { memberId, generationId: generation, leader: leaderId } = joined
    const assignor = this.#chosen(joined)
    const { assignment, ...received } = await this.#sync(joined, assignor, claim.topics, signal)
    const { partitions: assigned } = received
    this.#assignedTopics = topicsOf(assigned, before)
    const result = { memberId, generation, isLeader: leaderId === memberId }
    await this.#guarded(assignor, signal, () => assignor.assigned({ groupId, ...result, ...received, assignment }))
    return { ...result, leaderId, protocol: assignor.name, assigned }
  }

  /**
   * As leader: a topic whose number of partitions, or whose racks, differ from those of the last assignment. Any member finds out that a topic of its
   * assignment was recreated with another number; the leader may have no partition of it.
   */
  changedTopic(): string | undefined {
    for (const [topic, before] of this.#layouts ?? []) {
      const now = this.#host.knownTopic(topic)
      if (now === undefined) continue
      if (now.partitionCount !== before.partitionCount) return topic
      if (now.racks !== undefined && !sameRacks(now.racks, before.racks)) return topic
    }
    for (const [topic, before] of this.#assignedTopics) {
      const now = this.#host.knownTopic(topic) ?? before
      if (now.topicId !== before.topicId && now.partitionCount !== before.partitionCount) return topic
    }
    return undefined
  }

  async #join(claim: JoinClaim, signal: AbortSignal): Promise<JoinGroupResponse> {
    const timeoutMs = this.#options.rebalanceTimeoutMs + joinSlackMs
    for (;;) {
      const protocols = await this.#protocols(claim, signal)
      const body = () => this.#joinBody(protocols, claim.reason)
      const response = await this.#requests.join(body, timeoutMs, signal)
      // A loss during the request replaced the identity; this response belongs to the former one.
      signal.throwIfAborted()
      this.#host.onContact()
      if (response.errorCode === 0) {
        this.#identity.joined(response.memberId, response.generationId)
        return response
      }
      if (this.#identity.memberId !== '') {
        const message = 'The coordinator assigned a second member id'
        throw new KafkaError('MEMBER_ID_REQUIRED', message, { retriable: true })
      }
      this.#identity.assign(response.memberId)
    }
  }

  /** The metadata of this member, for each assignor. */
  #protocols({ topics, owned }: JoinClaim, signal: AbortSignal): Promise<JoinGroupRequest['protocols']> {
    const { groupId, instanceId, rack, assignors } = this.#options
    const { memberId, generation } = this.#identity
    const context = { groupId, memberId, instanceId, generation, rack, topics, owned }
    const metadataOf = async (assignor: ProtocolAssignor) => {
      const metadata = await this.#guarded(assignor, signal, () => assignor.metadata(context))
      return { name: assignor.name, metadata: asBuffer(metadata) }
    }
    return Promise.all(assignors.map(metadataOf))
  }

  #joinBody(protocols: JoinGroupRequest['protocols'], reason: string): JoinGroupRequest {
    const { groupId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    const { memberId } = this.#identity
    const times = { sessionTimeoutMs, rebalanceTimeoutMs }
    return { groupId, ...times, memberId, groupInstanceId: instanceId, protocolType: 'consumer', protocols, reason }
  }

  /** The assignor that all members have. */
  #chosen({ protocolName }: JoinGroupResponse): ProtocolAssignor {
    const assignor = this.#options.assignors.find(({ name }) => name === protocolName)
    if (assignor !== undefined) return assignor
    const message = `The coordinator chose the assignor '${protocolName}', which this member does not have`
    throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', message)
  }

  async #sync(joined: JoinGroupResponse, assignor: ProtocolAssignor, topics: readonly string[], signal: AbortSignal) {
    const { groupId, instanceId, rebalanceTimeoutMs } = this.#options
    const isLeader = joined.leader === joined.memberId
    const plan = isLeader ? await this.#assign(joined, assignor, topics, signal) : new Map<string, Uint8Array>()
    const body: SyncGroupRequest = {
      groupId,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupInstanceId: instanceId,
      protocolType: 'consumer',
      protocolName: joined.protocolName,
      assignments: Array.from(plan, ([memberId, bytes]) => ({ memberId, assignment: asBuffer(bytes) })),
    }
    const response = await this.#requests.sync(body, rebalanceTimeoutMs + joinSlackMs, signal)
    if (!isLeader) this.#layouts = undefined
    return { ...assignmentOf(response, groupId), assignment: response.assignment }
  }

  /** The leader's part. Keeps the layouts of the topics to notice when they change, also where it need not assign (KIP-814). */
  async #assign(
    response: JoinGroupResponse,
    assignor: ProtocolAssignor,
    subscribedTopics: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    this.#host.onLeading()
    const group = assignor.read(membersOf(response), subscribedTopics)
    const used = new Map<string, TopicLayout>()
    const lookUp = async (topics: readonly string[]): Promise<Layouts> => {
      const layouts = await withSignal(this.#host.layouts(topics, signal), signal)
      for (const topic of topics) used.set(topic, layouts.get(topic) ?? noLayout)
      return layouts
    }
    const topics = await lookUp(group.topics)
    this.#layouts = used
    if (response.skipAssignment) return new Map()
    const { groupId } = this.#options
    const context = { groupId, generation: response.generationId, leaderId: response.memberId, topics, lookUp }
    return this.#guarded(assignor, signal, (bounded) => group.assign({ ...context, signal: bounded }))
  }

  #guarded<T>({ name }: ProtocolAssignor, signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { rebalanceTimeoutMs: timeoutMs } = this.#options
    return guarded(this.#host.runtime, { name, timeoutMs, signal }, call)
  }
}

/** A topic that does not exist (yet). */
const noLayout: TopicLayout = { partitionCount: 0, racks: [] }

function sameRacks(a: TopicLayout['racks'], b: TopicLayout['racks']): boolean {
  return a.every((racks, partition) => sameNames(racks, b[partition] ?? []))
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function topicsOf(
  assigned: readonly TopicPartition[],
  known: ReadonlyMap<string, KnownTopic | undefined>,
): ReadonlyMap<string, KnownTopic> {
  const topics = new Map<string, KnownTopic>()
  for (const { topic } of assigned) {
    const one = known.get(topic)
    if (one !== undefined) topics.set(topic, one)
  }
  return topics
}

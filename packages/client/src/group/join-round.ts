import type { JoinGroupRequest, JoinGroupResponse, SyncGroupRequest } from '@ottla/codec'
import { KafkaError } from '../errors.ts'
import { withSignal } from '../runtime/wait.ts'
import type { Assignor } from './assignors/assignor.ts'
import { encodedPlan, userDataOf } from './assignors/run-assignor.ts'
import { type GroupRequests, membersOf, partitionsOf } from './classic-requests.ts'
import { encodeSubscription } from './consumer-protocol.ts'
import type { MemberIdentity } from './member-identity.ts'
import type { KnownTopic, MembershipListener, TopicPartition } from './membership.ts'

export interface JoinOptions {
  readonly groupId: string
  readonly instanceId: string | null
  readonly rack: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** In the order of preference. */
  readonly assignors: readonly Assignor[]
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
  readonly assigned: readonly TopicPartition[]
}

/** A coordinator may hold a join for the whole rebalance timeout; the response needs time to arrive. As in Java. */
const joinSlackMs = 5_000

/** JoinGroup and SyncGroup: from a subscription to an assignment. As leader it assigns the partitions of the whole group. */
export class JoinRound {
  readonly #options: JoinOptions
  readonly #requests: GroupRequests
  readonly #identity: MemberIdentity
  readonly #listener: Pick<MembershipListener, 'partitionCounts' | 'knownTopic'>
  readonly #onContact: () => void
  #leaderId: string | undefined
  /** As leader: the partition counts that its last assignment is based on. */
  #assignedCounts: ReadonlyMap<string, number> | undefined
  /** The assigned topics as this member had them before the join. */
  #assignedTopics: ReadonlyMap<string, KnownTopic> = new Map()

  /** `onContact` is called for each response of the coordinator that confirms the member. */
  constructor(
    options: JoinOptions,
    requests: GroupRequests,
    identity: MemberIdentity,
    listener: Pick<MembershipListener, 'partitionCounts' | 'knownTopic'>,
    onContact: () => void,
  ) {
    this.#options = options
    this.#requests = requests
    this.#identity = identity
    this.#listener = listener
    this.#onContact = onContact
  }

  /** Of the last join. */
  get leaderId(): string | undefined {
    return this.#leaderId
  }

  async run(claim: JoinClaim, signal: AbortSignal): Promise<Joined> {
    const before = new Map(claim.topics.map((topic) => [topic, this.#listener.knownTopic(topic)]))
    const joined = await this.#join(claim, signal)
    const { memberId, generationId: generation, protocolName } = joined
    this.#leaderId = joined.leader
    const assigned = await this.#sync(joined, signal)
    this.#assignedTopics = topicsOf(assigned, before)
    return { memberId, generation, protocol: protocolName ?? '', isLeader: joined.leader === memberId, assigned }
  }

  /**
   * As leader: a topic whose number of partitions differs from that of the last assignment. Any member finds out that a topic of its
   * assignment was recreated with another number; the leader may have no partition of it.
   */
  changedTopic(): string | undefined {
    for (const [topic, count] of this.#assignedCounts ?? []) {
      if ((this.#listener.knownTopic(topic)?.partitionCount ?? count) !== count) return topic
    }
    for (const [topic, before] of this.#assignedTopics) {
      const now = this.#listener.knownTopic(topic) ?? before
      if (now.topicId !== before.topicId && now.partitionCount !== before.partitionCount) return topic
    }
    return undefined
  }

  async #join(claim: JoinClaim, signal: AbortSignal): Promise<JoinGroupResponse> {
    const timeoutMs = this.#options.rebalanceTimeoutMs + joinSlackMs
    for (;;) {
      const response = await this.#requests.join(() => this.#joinBody(claim), timeoutMs, signal)
      // A loss during the request replaced the identity; this response belongs to the former one.
      signal.throwIfAborted()
      this.#onContact()
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

  #joinBody({ topics, owned, reason }: JoinClaim): JoinGroupRequest {
    const { groupId, instanceId, rack, sessionTimeoutMs, rebalanceTimeoutMs, assignors } = this.#options
    const { memberId, generation } = this.#identity
    const subscription = { topics, owned, generation, rack }
    const protocols = assignors.map((assignor) => ({
      name: assignor.name,
      metadata: encodeSubscription({ ...subscription, userData: userDataOf(assignor, generation) }),
    }))
    const times = { sessionTimeoutMs, rebalanceTimeoutMs }
    return { groupId, ...times, memberId, groupInstanceId: instanceId, protocolType: 'consumer', protocols, reason }
  }

  async #sync(joined: JoinGroupResponse, signal: AbortSignal): Promise<TopicPartition[]> {
    const { groupId, instanceId, rebalanceTimeoutMs } = this.#options
    const isLeader = joined.leader === joined.memberId
    const assignments = isLeader ? await this.#assign(joined, signal) : []
    const body: SyncGroupRequest = {
      groupId,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupInstanceId: instanceId,
      protocolType: 'consumer',
      protocolName: joined.protocolName,
      assignments,
    }
    const response = await this.#requests.sync(body, rebalanceTimeoutMs + joinSlackMs, signal)
    if (!isLeader) this.#assignedCounts = undefined
    return partitionsOf(response, groupId)
  }

  /** The leader's part. Keeps the partition counts to notice when they change, also where it need not assign (KIP-814). */
  async #assign(response: JoinGroupResponse, signal: AbortSignal): Promise<{ memberId: string; assignment: Buffer }[]> {
    const assignor = this.#options.assignors.find(({ name }) => name === response.protocolName)
    if (assignor === undefined) {
      const message = `The coordinator chose the assignor '${response.protocolName}', which this member does not have`
      throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', message)
    }
    const members = membersOf(response)
    const topics = [...new Set(members.flatMap((member) => member.topics))]
    const counts = await withSignal(this.#listener.partitionCounts(topics, signal), signal)
    this.#assignedCounts = new Map(topics.map((topic) => [topic, counts.get(topic) ?? 0]))
    if (response.skipAssignment) return []
    return encodedPlan(assignor, counts, members)
  }
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

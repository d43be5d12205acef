import { GroupError } from '../coordinators/group-error.ts'
import { noPartitions, type Partitions } from '../coordinators/member-partitions.ts'
import { stringsInHashOrder } from '../java-order.ts'
import type { CommittedOffset } from '../offsets/committed-offsets.ts'
import type { OffsetGroup } from '../offsets/offset-shard.ts'
import { type ConsumerMember, isReconciledTo, newConsumerMember, regexOf } from './consumer-group-member.ts'

export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable'

/** The topics that a regular expression matched when it was resolved. */
export interface ResolvedRegex {
  readonly topics: ReadonlySet<string>
  /** The version of the topic metadata at that time. */
  readonly version: number
  readonly timestampMs: number
}

/** The number of members that subscribe to a topic by name, and of expressions that match it. */
export interface SubscriptionCount {
  byName: number
  byRegex: number
}

/**
 * The state of a group that uses the consumer protocol (KIP-848). All of it comes from the group's records, except the
 * metadata deadline. The logic is in the consumer-group-*.ts files.
 */
export class ConsumerGroup implements OffsetGroup {
  readonly groupId: string
  readonly canDeleteOffsets = true
  readonly keepsOffsetsInTransactions = false
  readonly members = new Map<string, ConsumerMember>()
  readonly targets = new Map<string, Partitions>()
  readonly resolvedRegexes = new Map<string, ResolvedRegex>()
  groupEpoch = 1
  assignmentEpoch = 1
  /** 0 before the first assignment. */
  assignmentTimestampMs = 0
  metadataHash = 0n
  isHomogeneous = true
  /** When the metadata hash is computed again: after `ms`, or for a group epoch before `epoch`. Not persisted. */
  metadataDeadline = { ms: 0, epoch: 0 }
  readonly #staticMembers = new Map<string, string>()
  #owners: Map<string, Map<number, number>> | undefined
  #targetOwners: Map<string, Set<number>> | undefined

  constructor(groupId: string) {
    this.groupId = groupId
  }

  get state(): ConsumerGroupState {
    if (this.members.size === 0) return 'Empty'
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning'
    for (const member of this.members.values()) {
      if (!isReconciledTo(member, this.assignmentEpoch)) return 'Reconciling'
    }
    return 'Stable'
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  get isUnused(): boolean {
    return this.isEmpty
  }

  offsetExpiryMs({ commitTimestampMs, expireTimestampMs }: CommittedOffset, retentionMs: number): number {
    return expireTimestampMs ?? commitTimestampMs + retentionMs
  }

  /** Throws UNKNOWN_MEMBER_ID when there is no such member. */
  member(memberId: string): ConsumerMember {
    const member = this.members.get(memberId)
    if (member !== undefined) return member
    throw new GroupError('UNKNOWN_MEMBER_ID', `Member ${memberId} is not a member of group ${this.groupId}.`)
  }

  memberOrNew(memberId: string): ConsumerMember {
    return this.members.get(memberId) ?? newConsumerMember(memberId)
  }

  staticMemberId(instanceId: string | null): string | undefined {
    return instanceId === null ? undefined : this.#staticMembers.get(instanceId)
  }

  staticMember(instanceId: string | null): ConsumerMember | undefined {
    const memberId = this.staticMemberId(instanceId)
    return memberId === undefined ? undefined : this.members.get(memberId)
  }

  get staticMembers(): ReadonlyMap<string, string> {
    return this.#staticMembers
  }

  put(member: ConsumerMember): void {
    this.members.set(member.memberId, member)
    if (member.instanceId !== null) this.#staticMembers.set(member.instanceId, member.memberId)
    this.#membersChanged()
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId)
    this.members.delete(memberId)
    if (member?.instanceId) this.#staticMembers.delete(member.instanceId)
    this.#membersChanged()
  }

  /** The target of a member, or of the current holder of its instance id. */
  targetOf({ memberId, instanceId }: Pick<ConsumerMember, 'memberId' | 'instanceId'>): Partitions {
    const holder = instanceId === null ? memberId : this.#staticMembers.get(instanceId)
    return (holder === undefined ? undefined : this.targets.get(holder)) ?? noPartitions
  }

  setTarget(memberId: string, target: Partitions | null): void {
    if (target === null) this.targets.delete(memberId)
    else this.targets.set(memberId, target)
    this.#targetOwners = undefined
  }

  isTargeted(topicId: string, partition: number): boolean {
    this.#targetOwners ??= indexTargets(this.targets)
    return this.#targetOwners.get(topicId)?.has(partition) ?? false
  }

  /** The epoch of the member that owns the partition or has not revoked it yet; -1 when it is free. */
  ownerEpoch(topicId: string, partition: number): number {
    this.#owners ??= indexOwners(this.members)
    return this.#owners.get(topicId)?.get(partition) ?? -1
  }

  get classicMemberCount(): number {
    let count = 0
    for (const member of this.members.values()) if (member.classic !== null) count++
    return count
  }

  /** The number of members per regular expression, with `replaced` replaced by `by` if given. */
  regexCounts(replaced?: ConsumerMember, by?: ConsumerMember): Map<string, number> {
    const counts = new Map<string, number>()
    for (const member of withReplaced(this.members, replaced, by)) {
      const regex = regexOf(member)
      if (regex !== undefined) counts.set(regex, (counts.get(regex) ?? 0) + 1)
    }
    return counts
  }

  /** The topics with subscribers after the change. */
  subscribedTopics(change: SubscriptionChange = {}): Map<string, SubscriptionCount> {
    const { replaced, by, without } = change
    const regexes = new Map(this.resolvedRegexes)
    const oldRegex = regexOf(replaced)
    const isLast = oldRegex !== undefined && this.regexCounts().get(oldRegex) === 1
    if (isLast && oldRegex !== regexOf(by)) regexes.delete(oldRegex)
    for (const regex of change.withoutRegexes ?? []) regexes.delete(regex)
    const counts = new Map<string, SubscriptionCount>()
    const countOf = (topic: string): SubscriptionCount => {
      const count = counts.get(topic) ?? { byName: 0, byRegex: 0 }
      counts.set(topic, count)
      return count
    }
    for (const member of withReplaced(this.members, replaced, by)) {
      if (without?.has(member.memberId)) continue
      for (const topic of member.subscribedTopicNames) countOf(topic).byName++
    }
    for (const { topics } of (change.regexes ?? regexes).values()) for (const topic of topics) countOf(topic).byRegex++
    return counts
  }

  isSubscribedTo(topic: string): boolean {
    return this.subscribedTopics().has(topic)
  }

  /** The assignor that most members prefer, with `replaced` replaced by `by` if given. */
  preferredAssignor(replaced?: ConsumerMember, by?: ConsumerMember): string | undefined {
    const counts = new Map<string, number>()
    for (const { serverAssignor } of withReplaced(this.members, replaced, by)) {
      if (serverAssignor !== null) counts.set(serverAssignor, (counts.get(serverAssignor) ?? 0) + 1)
    }
    let best: string | undefined
    for (const name of stringsInHashOrder(counts.keys())) {
      if (best === undefined || (counts.get(name) ?? 0) > (counts.get(best) ?? 0)) best = name
    }
    return best
  }

  #membersChanged(): void {
    this.#owners = undefined
    this.isHomogeneous = isHomogeneous(this.regexCounts(), this.subscribedTopics(), this.members.size)
  }
}

export interface SubscriptionChange {
  readonly replaced?: ConsumerMember | undefined
  readonly by?: ConsumerMember | undefined
  readonly without?: ReadonlySet<string>
  readonly withoutRegexes?: ReadonlySet<string>
  /** Replaces the group's resolved expressions. */
  readonly regexes?: ReadonlyMap<string, ResolvedRegex>
}

/** True when all members have the same subscription. */
export function isHomogeneous(
  regexes: ReadonlyMap<string, number>,
  topics: ReadonlyMap<string, SubscriptionCount>,
  memberCount: number,
): boolean {
  const counts = [...topics.values()]
  const [first] = regexes.values()
  if (first === undefined) return counts.every(({ byName }) => byName === memberCount)
  return first === memberCount && counts.every(({ byName, byRegex }) => byRegex === 1 && byName === 0)
}

function* withReplaced(
  members: ReadonlyMap<string, ConsumerMember>,
  replaced: ConsumerMember | undefined,
  by: ConsumerMember | undefined,
): Iterable<ConsumerMember> {
  for (const member of members.values()) {
    // A restarted static member replaces the previous member of its instance id.
    const isSameInstance = member.instanceId !== null && member.instanceId === by?.instanceId
    if (member.memberId !== replaced?.memberId && member.memberId !== by?.memberId && !isSameInstance) yield member
  }
  if (by !== undefined) yield by
}

function indexOwners(members: ReadonlyMap<string, ConsumerMember>): Map<string, Map<number, number>> {
  const owners = new Map<string, Map<number, number>>()
  for (const { assigned, pendingRevocation, memberEpoch } of members.values()) {
    for (const [topicId, partitions] of [...assigned, ...pendingRevocation]) {
      const topic = owners.get(topicId) ?? new Map<number, number>()
      owners.set(topicId, topic)
      for (const partition of partitions.keys()) topic.set(partition, memberEpoch)
    }
  }
  return owners
}

function indexTargets(targets: ReadonlyMap<string, Partitions>): Map<string, Set<number>> {
  const owners = new Map<string, Set<number>>()
  for (const target of targets.values()) {
    for (const [topicId, partitions] of target) {
      const topic = owners.get(topicId) ?? new Set<number>()
      owners.set(topicId, topic)
      for (const partition of partitions) topic.add(partition)
    }
  }
  return owners
}

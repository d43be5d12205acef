import { ConsumerProtocolSubscription, decodeMessage, type ErrorName, errorCode } from '@ottla/codec'
import {
  copyProtocols,
  type JoinGroupBody,
  type JoinGroupResponse,
  joinError,
  type MemberProtocol,
  NO_BYTES,
  type SyncGroupResponse,
} from '../coordinators/classic-protocol.ts'
import type { CommittedOffset } from '../offsets/committed-offsets.ts'
import type { OffsetGroup } from '../offsets/offset-shard.ts'
import { GroupMember } from './classic-group-member.ts'

export type ClassicGroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

const previousStates: Readonly<Record<ClassicGroupState, readonly ClassicGroupState[]>> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Stable', 'PreparingRebalance', 'CompletingRebalance', 'Empty', 'Dead'],
}

/** A group as read from the log. */
export interface GroupSnapshot {
  readonly generation: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leaderId: string | null
  readonly stateTimestampMs: number | undefined
  readonly members: readonly GroupMember[]
}

/** The state of a classic group: members, generation, held requests. The logic is in the classic-group-*.ts files. */
export class ClassicGroup implements OffsetGroup {
  readonly groupId: string
  readonly keepsOffsetsInTransactions = true
  readonly members = new Map<string, GroupMember>()
  /** Ids that were assigned to members which have not rejoined with them yet (KIP-394). */
  readonly pendingJoinMembers = new Set<string>()
  /** Members of this generation that have not sent their SyncGroup yet. */
  readonly pendingSyncMembers = new Set<string>()
  generationId = 0
  protocolType: string | null = null
  protocolName: string | null = null
  leaderId: string | null = null
  /** A member has joined during the initial delay, which is then extended. */
  newMemberAdded = false
  /** Undefined unless all members have a valid consumer subscription. */
  subscribedTopics: ReadonlySet<string> | undefined
  stateTimestampMs: number | undefined
  #state: ClassicGroupState = 'Empty'
  #previousState: ClassicGroupState = 'Dead'
  readonly #staticMembers = new Map<string, string>()
  readonly #protocolCounts = new Map<string, number>()

  constructor(groupId: string, nowMs: number) {
    this.groupId = groupId
    this.stateTimestampMs = nowMs
  }

  static restore(groupId: string, snapshot: GroupSnapshot): ClassicGroup {
    const group = new ClassicGroup(groupId, 0)
    group.generationId = snapshot.generation
    group.protocolType = snapshot.protocolType
    group.protocolName = snapshot.protocolName
    group.leaderId = snapshot.leaderId
    group.stateTimestampMs = snapshot.stateTimestampMs
    for (const member of snapshot.members) group.add(member)
    if (group.members.size > 0) group.#state = 'Stable'
    group.subscribedTopics = group.#computeSubscribedTopics()
    return group
  }

  get state(): ClassicGroupState {
    return this.#state
  }

  get previousState(): ClassicGroupState {
    return this.#previousState
  }

  transitionTo(state: ClassicGroupState, nowMs: number): void {
    if (!previousStates[state].includes(this.#state)) {
      throw new Error(`Invalid transition of group '${this.groupId}' from ${this.#state} to ${state}`)
    }
    this.#previousState = this.#state
    this.#state = state
    this.stateTimestampMs = nowMs
  }

  canRebalance(): boolean {
    return previousStates.PreparingRebalance.includes(this.#state)
  }

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId
  }

  staticMemberId(groupInstanceId: string): string | undefined {
    return this.#staticMembers.get(groupInstanceId)
  }

  /** The number of members whose join is held. */
  awaitingJoinCount(): number {
    let count = 0
    for (const member of this.members.values()) if (member.awaitingJoin) count++
    return count
  }

  hasAllMembersJoined(): boolean {
    return this.pendingJoinMembers.size === 0 && this.awaitingJoinCount() === this.members.size
  }

  /** The longest of its members' rebalance timeouts. */
  rebalanceTimeoutMs(): number {
    let longest = 0
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
    return longest
  }

  usesConsumerProtocol(): boolean {
    return this.protocolType === 'consumer'
  }

  /** A consumer group with unknown subscriptions counts as subscribed to all topics. */
  isSubscribedTo(topic: string): boolean {
    return this.subscribedTopics?.has(topic) ?? this.usesConsumerProtocol()
  }

  get isEmpty(): boolean {
    return this.#state === 'Empty'
  }

  get isUnused(): boolean {
    return this.isEmpty && this.pendingJoinMembers.size === 0
  }

  get canDeleteOffsets(): boolean {
    return this.isEmpty || this.usesConsumerProtocol()
  }

  /** KIP-211: after the retention time since the commit, or since the group became empty. */
  offsetExpiryMs({ commitTimestampMs, expireTimestampMs }: CommittedOffset, retentionMs: number): number | undefined {
    if (expireTimestampMs !== undefined) return expireTimestampMs
    if (this.protocolType === null) return commitTimestampMs + retentionMs
    if (this.isEmpty) return (this.stateTimestampMs ?? commitTimestampMs) + retentionMs
    const hasSubscriptions = this.subscribedTopics !== undefined && this.#state === 'Stable'
    return hasSubscriptions ? commitTimestampMs + retentionMs : undefined
  }

  add(member: GroupMember, awaitingJoin?: (response: JoinGroupResponse) => void): void {
    if (member.groupInstanceId !== null) this.#staticMembers.set(member.groupInstanceId, member.memberId)
    if (this.members.size === 0) this.protocolType = member.protocolType
    this.leaderId ??= member.memberId
    this.members.set(member.memberId, member)
    this.#countProtocols(member, 1)
    member.awaitingJoin = awaitingJoin
    this.pendingJoinMembers.delete(member.memberId)
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId)
    if (member) {
      this.members.delete(memberId)
      this.#countProtocols(member, -1)
      if (member.groupInstanceId !== null) this.#staticMembers.delete(member.groupInstanceId)
    }
    if (this.isLeader(memberId)) this.leaderId = this.members.keys().next().value ?? null
    this.pendingJoinMembers.delete(memberId)
    this.pendingSyncMembers.delete(memberId)
  }

  update(member: GroupMember, body: JoinGroupBody, awaitingJoin: (response: JoinGroupResponse) => void): void {
    this.#countProtocols(member, -1)
    member.protocols = copyProtocols(body)
    this.#countProtocols(member, 1)
    member.rebalanceTimeoutMs = body.rebalanceTimeoutMs
    member.sessionTimeoutMs = body.sessionTimeoutMs
    member.awaitingJoin = awaitingJoin
  }

  /** A static member has restarted with a new id: fences the requests that are held under the old one. */
  replaceStaticMember(groupInstanceId: string, oldMemberId: string, newMemberId: string): GroupMember {
    const old = this.members.get(oldMemberId)
    if (!old) throw new Error(`Group '${this.groupId}' has no member '${oldMemberId}' to replace`)
    const fenced = errorCode('FENCED_INSTANCE_ID')
    this.completeJoin(old, joinError('FENCED_INSTANCE_ID', oldMemberId))
    this.completeSync(old, { errorCode: fenced, assignment: NO_BYTES })
    const replaced = new GroupMember({
      memberId: newMemberId,
      groupInstanceId: old.groupInstanceId,
      clientId: old.clientId,
      clientHost: old.clientHost,
      rebalanceTimeoutMs: old.rebalanceTimeoutMs,
      sessionTimeoutMs: old.sessionTimeoutMs,
      protocolType: old.protocolType,
      protocols: old.protocols,
      assignment: old.assignment,
    })
    this.members.delete(oldMemberId)
    this.members.set(newMemberId, replaced)
    if (this.isLeader(oldMemberId)) this.leaderId = newMemberId
    this.#staticMembers.set(groupInstanceId, newMemberId)
    return replaced
  }

  completeJoin(member: GroupMember, response: JoinGroupResponse): void {
    const respond = member.awaitingJoin
    member.awaitingJoin = undefined
    respond?.(response)
  }

  /** True when a SyncGroup was held. */
  completeSync(member: GroupMember, response: SyncGroupResponse): boolean {
    const respond = member.awaitingSync
    member.awaitingSync = undefined
    respond?.(response)
    return respond !== undefined
  }

  /** Checks that the member is in the group and owns its instance id. */
  validateMember(memberId: string, groupInstanceId: string | null): ErrorName | undefined {
    if (groupInstanceId !== null) {
      const holder = this.#staticMembers.get(groupInstanceId)
      if (holder === undefined) return 'UNKNOWN_MEMBER_ID'
      if (holder !== memberId) return 'FENCED_INSTANCE_ID'
    }
    return this.members.has(memberId) ? undefined : 'UNKNOWN_MEMBER_ID'
  }

  /** An empty group accepts any protocol; otherwise one must be supported by all members. */
  supportsProtocols(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.#state === 'Empty') return protocolType !== '' && protocols.length > 0
    return (
      this.protocolType === protocolType &&
      protocols.some(({ name }) => (this.#protocolCounts.get(name) ?? 0) === this.members.size)
    )
  }

  /** Each member votes for the first of its protocols that all support. The most votes win; on a tie, the first one. */
  selectProtocol(): string {
    const candidates = new Set<string>()
    for (const [name, count] of this.#protocolCounts) if (count === this.members.size) candidates.add(name)
    const votes = new Map<string, number>()
    for (const member of this.members.values()) {
      const name = member.vote(candidates)
      votes.set(name, (votes.get(name) ?? 0) + 1)
    }
    let winner = ''
    for (const [name, count] of votes) if (count > (votes.get(winner) ?? 0)) winner = name
    return winner
  }

  /** Keeps the leader if it has rejoined, or elects another member that has; false when none has. */
  electLeaderAmongJoined(): boolean {
    if (this.leaderId === null) return false
    if (this.members.get(this.leaderId)?.awaitingJoin) return true
    for (const member of this.members.values()) {
      if (!member.awaitingJoin) continue
      this.leaderId = member.memberId
      return true
    }
    return false
  }

  nextGeneration(nowMs: number): void {
    this.generationId++
    this.protocolName = this.members.size > 0 ? this.selectProtocol() : null
    this.subscribedTopics = this.#computeSubscribedTopics()
    this.transitionTo(this.members.size > 0 ? 'CompletingRebalance' : 'Empty', nowMs)
    this.pendingSyncMembers.clear()
  }

  /** The members and their subscriptions, which only the leader receives. */
  membersForLeader(): JoinGroupResponse['members'] {
    return [...this.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: member.metadata(this.protocolName),
    }))
  }

  #countProtocols(member: GroupMember, by: 1 | -1): void {
    for (const { name } of member.protocols) {
      this.#protocolCounts.set(name, (this.#protocolCounts.get(name) ?? 0) + by)
    }
  }

  #computeSubscribedTopics(): ReadonlySet<string> | undefined {
    if (!this.usesConsumerProtocol()) return undefined
    const topics = new Set<string>()
    for (const member of this.members.values()) {
      const subscribed = subscribedTopicsOf(member.metadata(this.protocolName))
      if (!subscribed) return undefined
      for (const topic of subscribed) topics.add(topic)
    }
    return topics
  }
}

/** The topics of a consumer's subscription. Version 0 is a prefix of all later versions. */
function subscribedTopicsOf(metadata: Uint8Array): readonly string[] | undefined {
  try {
    return decodeMessage(ConsumerProtocolSubscription, 0, metadata.subarray(2)).topics
  } catch {
    return undefined
  }
}

/** The JoinGroup response after which a member sends its SyncGroup for the current generation. */
export function currentGeneration(
  group: ClassicGroup,
  memberId: string,
  members: JoinGroupResponse['members'],
): JoinGroupResponse {
  return {
    errorCode: 0,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    memberId,
    members,
  }
}

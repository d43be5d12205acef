import type { Subscription } from '../consumer-protocol.ts'
import type { TopicLayout, TopicPartition } from '../membership.ts'

/** A member of the group, as the leader knows it. */
export interface GroupMember extends Subscription {
  readonly memberId: string
  /** Of a static member. */
  readonly instanceId: string | null
}

/** What an assignor divides. */
export interface AssignorGroup {
  /** In the order of the coordinator. */
  readonly members: readonly GroupMember[]
  /** The existing topics of all members, by name. */
  readonly topics: ReadonlyMap<string, TopicLayout>
}

export interface AssignContext extends AssignorGroup {
  readonly groupId: string
  readonly generation: number
  /** This member, which leads the group. */
  readonly leaderId: string
  /** Aborts when the result no longer matters: after `rebalanceTimeoutMs`, with a loss of the membership, and on close. */
  readonly signal: AbortSignal
}

/** What a member brings to a join. */
export interface SubscriptionContext {
  readonly groupId: string
  /** Empty before the coordinator has assigned one. */
  readonly memberId: string
  readonly instanceId: string | null
  /** -1 before the first assignment and after a loss. */
  readonly generation: number
  readonly rack: string | null
  readonly topics: readonly string[]
  /** What the member keeps while it joins; an eager member keeps nothing. */
  readonly owned: readonly TopicPartition[]
}

/** What the leader assigned to this member. */
export interface AssignedContext {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
  readonly isLeader: boolean
  readonly partitions: readonly TopicPartition[]
  readonly userData: Uint8Array | null
}

/** The partitions of a member, with bytes for the `onAssigned` of its assignor. */
export interface MemberAssignment {
  readonly partitions: readonly TopicPartition[]
  readonly userData?: Uint8Array | null | undefined
}

/** By member id. A member that is left out receives nothing. */
export type Assignment = ReadonlyMap<string, readonly TopicPartition[] | MemberAssignment>

/** Divides the partitions of a group's topics among its members. Runs in the client that leads the group. */
export interface Assignor {
  /** Set by a `RawAssignor` only. */
  readonly raw?: undefined
  /** The name in the group protocol; all members of a group must have one in common. */
  readonly name: string
  /** With 'cooperative' members keep their partitions while they join (KIP-429), where all assignors of a member are. */
  readonly protocol: 'eager' | 'cooperative'
  /** What the leader receives of this member, besides its topics, its owned partitions and its rack. */
  userData?(context: SubscriptionContext): Uint8Array | null | undefined | Promise<Uint8Array | null | undefined>
  /** Called in the leader of the group. */
  assign(context: AssignContext): Assignment | Promise<Assignment>
  /** Called in each member, before the hooks, with what it receives. */
  onAssigned?(context: AssignedContext): void | Promise<void>
}

/** An assignor of this package: it needs no more than the group, and returns immediately. */
export interface BuiltInAssignor extends Assignor {
  assign(group: AssignorGroup): Map<string, TopicPartition[]>
}

/** Java's order: static members first, by instance id, then the others by member id. */
export function compareMembers(a: GroupMember, b: GroupMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  if (b.instanceId !== null) return 1
  return compare(a.memberId, b.memberId)
}

/** By UTF-16 unit, as Java's String.compareTo. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function emptyAssignment(members: readonly GroupMember[]): Map<string, TopicPartition[]> {
  return new Map(members.map((member) => [member.memberId, []]))
}

/** The existing topics with subscribers, in order, each with its members in Java's order. */
export function membersByTopic({
  topics,
  members,
}: AssignorGroup): { topic: string; info: TopicLayout; members: GroupMember[] }[] {
  const byTopic = new Map<string, GroupMember[]>()
  for (const member of members.toSorted(compareMembers)) {
    for (const topic of new Set(member.topics)) {
      if (!topics.has(topic)) continue
      const list = byTopic.get(topic)
      if (list === undefined) byTopic.set(topic, [member])
      else list.push(member)
    }
  }
  return Array.from(byTopic, ([topic, list]) => ({ topic, info: topics.get(topic)!, members: list })).sort((a, b) =>
    compare(a.topic, b.topic),
  )
}

import type { Subscription } from '../consumer-protocol.ts'
import type { TopicPartition } from '../membership.ts'

export interface GroupMember extends Subscription {
  readonly memberId: string
  readonly instanceId: string | null
}

export type Assignment = Map<string, TopicPartition[]>

/** Divides the partitions of a group's topics among its members. Runs in the client that leads the group. */
export interface Assignor {
  /** The name in the group protocol; all members of a group must have one in common. */
  readonly name: string
  /** Whether members may keep their partitions while they join (KIP-429). */
  readonly cooperative: boolean
  /** Returns an entry for each member. A topic without a count does not exist (yet). */
  assign(counts: ReadonlyMap<string, number>, members: readonly GroupMember[]): Assignment
  /** What this assignor needs of a member besides topics and owned partitions; null for nothing. */
  userData?(generation: number): Uint8Array | null
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

export function emptyAssignment(members: readonly GroupMember[]): Assignment {
  return new Map(members.map((member) => [member.memberId, []]))
}

/** The existing topics with subscribers, in order, each with its members in Java's order. */
export function membersByTopic(
  counts: ReadonlyMap<string, number>,
  members: readonly GroupMember[],
): { topic: string; count: number; members: GroupMember[] }[] {
  const byTopic = new Map<string, GroupMember[]>()
  for (const member of members.toSorted(compareMembers)) {
    for (const topic of new Set(member.topics)) {
      if (!counts.has(topic)) continue
      const list = byTopic.get(topic)
      if (list === undefined) byTopic.set(topic, [member])
      else list.push(member)
    }
  }
  return Array.from(byTopic, ([topic, list]) => ({ topic, count: counts.get(topic) ?? 0, members: list })).sort(
    (a, b) => compare(a.topic, b.topic),
  )
}

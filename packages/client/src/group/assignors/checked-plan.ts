import { describePartition } from '../../errors.ts'
import { decodeAssignment } from '../consumer-protocol.ts'
import { PartitionSet, type TopicPartition } from '../membership.ts'
import type { AssignorGroup, GroupMember, MemberAssignment } from './assignor.ts'
import type { RawMember } from './raw-assignor.ts'

// What assignors of the application return. A problem is a TypeError, which becomes the cause of ASSIGNOR_FAILED.

interface Checked extends MemberAssignment {
  readonly userData: Uint8Array | null
}

/**
 * The assignment of each member. `cooperative`: whether it must leave out partitions that other members still own, as KIP-429
 * requires.
 */
export function checkedPlan(plan: unknown, group: AssignorGroup, cooperative: boolean): Map<string, Checked> {
  const checked = new Map<string, Checked>()
  const members = new Map(group.members.map((member) => [member.memberId, member]))
  const given = new PartitionSet()
  for (const [memberId, value] of entriesOf(plan)) {
    const member = knownMember(members, memberId)
    const assignment = assignmentOf(value, member.memberId)
    for (const partition of assignment.partitions) {
      checkPlace(partition, member, group)
      giveOnce(given, partition)
    }
    checked.set(member.memberId, assignment)
  }
  if (cooperative) checkReleased(checked, group.members)
  return checked
}

export function checkedBytes(plan: unknown, group: readonly RawMember[]): Map<string, Uint8Array> {
  const checked = new Map<string, Uint8Array>()
  const members = new Map(group.map((member) => [member.memberId, member]))
  const given = new PartitionSet()
  for (const [memberId, value] of entriesOf(plan)) {
    const member = knownMember(members, memberId)
    if (!(value instanceof Uint8Array)) throw new TypeError(`its assignment of member '${memberId}' is no Uint8Array`)
    for (const partition of decoded(value, member.memberId)) giveOnce(given, partition)
    checked.set(member.memberId, value)
  }
  return checked
}

function entriesOf(plan: unknown): Map<unknown, unknown> {
  if (plan instanceof Map) return plan
  throw new TypeError('assign() must return a Map from member ids to assignments')
}

function knownMember<M>(members: ReadonlyMap<unknown, M>, memberId: unknown): M {
  const member = members.get(memberId)
  if (member === undefined)
    throw new TypeError(`it assigned partitions to '${memberId}', which is no member of the group`)
  return member
}

function assignmentOf(value: unknown, memberId: string): Checked {
  const { partitions, userData = null } = (Array.isArray(value) ? { partitions: value } : (value ?? {})) as Checked
  if (!Array.isArray(partitions)) {
    throw new TypeError(
      `its assignment of member '${memberId}' is neither a list of partitions nor { partitions, userData }`,
    )
  }
  if (userData !== null && !(userData instanceof Uint8Array)) {
    throw new TypeError(`its user data for member '${memberId}' is no Uint8Array`)
  }
  return { partitions, userData }
}

function checkPlace(place: TopicPartition, member: GroupMember, { topics }: AssignorGroup): void {
  const { topic, partition } = place ?? {}
  if (typeof topic !== 'string' || !Number.isInteger(partition)) {
    throw new TypeError(`its assignment of member '${member.memberId}' contains no { topic, partition }`)
  }
  if (!member.topics.includes(topic)) {
    throw new TypeError(`it assigned topic '${topic}' to member '${member.memberId}', which does not subscribe to it`)
  }
  const info = topics.get(topic)
  if (info === undefined) throw new TypeError(`it assigned topic '${topic}', which does not exist`)
  if (partition >= 0 && partition < info.partitionCount) return
  const name = describePartition({ topic, partition })
  throw new TypeError(`it assigned ${name}, but the topic has ${info.partitionCount} partitions`)
}

function giveOnce(given: PartitionSet, partition: TopicPartition): void {
  if (given.has(partition)) throw new TypeError(`it assigned ${describePartition(partition)} twice`)
  given.add(partition)
}

/** A partition must be free before another member receives it: its owner reads it until it has its own assignment. */
function checkReleased(plan: ReadonlyMap<string, Checked>, members: readonly GroupMember[]): void {
  const received = new PartitionSet()
  for (const { memberId, owned } of members) {
    const before = new PartitionSet(owned)
    for (const partition of plan.get(memberId)?.partitions ?? []) if (!before.has(partition)) received.add(partition)
  }
  for (const { memberId, owned } of members) {
    const kept = new PartitionSet(plan.get(memberId)?.partitions)
    const taken = owned.find((partition) => !kept.has(partition) && received.has(partition))
    if (taken === undefined) continue
    const name = describePartition(taken)
    throw new TypeError(
      `its protocol is 'cooperative', but it assigned ${name} while member '${memberId}' still owns it: leave it out until it is free`,
    )
  }
}

function decoded(bytes: Uint8Array, memberId: string): readonly TopicPartition[] {
  try {
    return decodeAssignment(bytes).partitions
  } catch {
    throw new TypeError(`its assignment of member '${memberId}' is not in Kafka's format`)
  }
}

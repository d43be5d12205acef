import type { TopicLayout } from '../membership.ts'
import type { GroupMember } from './assignor.ts'

/** The racks of members, by member id; members without a rack have no entry. */
export function memberRacks(members: readonly GroupMember[]): Map<string, string> {
  const racks = new Map<string, string>()
  for (const { memberId, rack } of members) if (rack !== null && rack !== '') racks.set(memberId, rack)
  return racks
}

/**
 * Whether racks make a difference (KIP-881): a member is in a rack that has replicas, and not every partition has replicas in all of
 * these racks.
 */
export function racksMatter(ofMembers: Iterable<string>, topics: Iterable<TopicLayout>): boolean {
  const members = new Set(ofMembers)
  if (members.size === 0) return false
  const partitions = [...topics].flatMap(({ racks, partitionCount }) =>
    Array.from({ length: partitionCount }, (_, partition) => new Set(racks[partition])),
  )
  const all = new Set(partitions.flatMap((racks) => [...racks]))
  return ![...members].every((rack) => !all.has(rack)) && partitions.some((racks) => racks.size !== all.size)
}

import type { TopicPartition } from '../membership.ts'
import { type AssignorGroup, compare, emptyAssignment, type GroupMember } from './assignor.ts'
import { evenPlan } from './sticky-even.ts'
import { type Claim, type Place, stickyGroup } from './sticky-group.ts'
import { mixedPlan } from './sticky-mixed.ts'

/**
 * The plan of the sticky assignors: balanced, and among such plans one that moves few partitions. With `keepMoving` a partition that
 * another member may still own is in it too.
 */
export function stickyPlan(
  group: AssignorGroup,
  claimOf: (member: GroupMember) => Claim,
  keepMoving: boolean,
): Map<string, TopicPartition[]> {
  const assignment = emptyAssignment(group.members)
  const prepared = stickyGroup(group, claimOf)
  if (prepared.places.size === 0) return assignment
  const { assigned, moving } = hasOneSubscription(group.members) ? evenPlan(prepared) : mixedPlan(prepared)
  for (const [{ memberId }, places] of assigned) {
    const own = keepMoving ? places : places.filter((place) => !moving.has(place))
    assignment.set(
      memberId,
      [...own].sort(byPlace).map(({ topic, partition }) => ({ topic, partition })),
    )
  }
  return assignment
}

/** Whether all members subscribe to the same topics, and to any. */
function hasOneSubscription(members: readonly GroupMember[]): boolean {
  const all = new Set(members.flatMap(({ topics }) => topics))
  return members.every(({ topics }) => topics.length > 0 && new Set(topics).size === all.size)
}

function byPlace(a: Place, b: Place): number {
  return compare(a.topic, b.topic) || a.partition - b.partition
}

import type { Partitions } from '../coordinators/member-partitions.ts'
import { numbersInHashOrder, stringsInHashOrder, uuidsInHashOrder } from '../java-order.ts'
import type { Assignment, AssignorGroup, AssignorMember, ServerAssignor } from './consumer-group-assignment.ts'
import { assignHeterogeneous } from './consumer-group-balance.ts'

/** `range`: a range of adjacent partitions of each topic per member, ordered by instance id, then by member id. */
const range: ServerAssignor = ({ members, partitionCount }) => {
  const sorted = [...members.values()].sort(byInstanceThenMember)
  const subscribers = new Map<string, AssignorMember[]>()
  for (const member of sorted) {
    for (const topicId of member.topicIds) subscribers.set(topicId, [...(subscribers.get(topicId) ?? []), member])
  }
  const assignment = new Map(sorted.map(({ memberId }) => [memberId, new Map<string, Set<number>>()]))
  for (const [topicId, readers] of subscribers) {
    const count = partitionCount(topicId)
    const least = Math.floor(count / readers.length)
    const extra = count % readers.length
    readers.forEach(({ memberId }, at) => {
      const start = at * least + Math.min(at, extra)
      const size = least + (at < extra ? 1 : 0)
      if (size > 0) assignment.get(memberId)?.set(topicId, new Set(Array.from({ length: size }, (_, i) => start + i)))
    })
  }
  return assignment
}

function byInstanceThenMember(a: AssignorMember, b: AssignorMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  return b.instanceId !== null ? 1 : compare(a.memberId, b.memberId)
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** `uniform`: spreads the partitions evenly and moves as few of them as possible. */
const uniform: ServerAssignor = (group) => {
  if (group.members.size === 0) return new Map()
  return group.isHomogeneous ? assignHomogeneous(group) : assignHeterogeneous(group)
}

interface Unfilled {
  readonly memberId: string
  readonly room: number
}

/** For members with equal subscriptions: moves partitions above a member's quota to members below theirs. */
function assignHomogeneous(group: AssignorGroup): Assignment {
  const memberIds = stringsInHashOrder(group.members.keys())
  const topicIds = uuidsInHashOrder(group.members.get(memberIds[0] ?? '')?.topicIds ?? [])
  if (topicIds.length === 0) return new Map()
  const free: [topicId: string, partition: number][] = []
  let total = 0
  for (const topicId of topicIds) {
    const count = group.partitionCount(topicId)
    total += count
    for (let partition = 0; partition < count; partition++) {
      if (!group.isTargeted(topicId, partition)) free.push([topicId, partition])
    }
  }
  const least = Math.floor(total / memberIds.length)
  let extras = total % memberIds.length
  const assignment = new Map<string, Map<string, Set<number>>>()
  const unfilled: Unfilled[] = []
  memberIds.forEach((memberId, at) => {
    let mayHaveExtra = extras > 0
    const old = group.members.get(memberId)?.target ?? new Map()
    const kept = keepWithinQuota(old, new Set(topicIds), least + (mayHaveExtra ? 1 : 0))
    free.push(...kept.released)
    let { room } = kept
    // While more members than extra partitions remain, a member that needs new ones leaves the extra to a later one.
    if (room > 0 && mayHaveExtra && memberIds.length - at > extras) {
      room--
      mayHaveExtra = false
    }
    if (room > 0) unfilled.push({ memberId, room })
    if (mayHaveExtra) extras--
    assignment.set(memberId, kept.partitions)
  })
  let nextFree = 0
  for (const { memberId, room } of unfilled) {
    for (const [topicId, partition] of free.slice(nextFree, nextFree + room)) {
      const own = assignment.get(memberId)
      own?.set(topicId, (own.get(topicId) ?? new Set()).add(partition))
    }
    nextFree += room
  }
  return assignment
}

/** Splits a member's old partitions into those within its quota and the rest. */
function keepWithinQuota(old: Partitions, topicIds: ReadonlySet<string>, quota: number) {
  let room = quota
  const partitions = new Map<string, Set<number>>()
  const released: [topicId: string, partition: number][] = []
  for (const topicId of uuidsInHashOrder(old.keys())) {
    if (!topicIds.has(topicId)) continue
    const kept = new Set<number>()
    for (const partition of numbersInHashOrder(old.get(topicId) ?? [])) {
      if (room > 0) kept.add(partition)
      else released.push([topicId, partition])
      if (room > 0) room--
    }
    if (kept.size > 0) partitions.set(topicId, kept)
  }
  return { partitions, released, room }
}

export const serverAssignors: ReadonlyMap<string, ServerAssignor> = new Map([
  ['uniform', uniform],
  ['range', range],
])

import type { Partitions } from '../coordinators/member-partitions.ts'
import { numbersInHashOrder, stringsInHashOrder, uuidsInHashOrder } from '../java-order.ts'
import type { Assignment, AssignorGroup, AssignorMember, ServerAssignor } from './consumer-group-assignor.ts'
import { assignUnlike } from './consumer-group-balance.ts'

/** `range`: of each topic a range of neighbours for each member, in the order of instance ids, then of member ids. */
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

/** `uniform`: as many partitions for each as can be, and each keeps as many of its own as can be. */
const uniform: ServerAssignor = (group) => {
  if (group.members.size === 0) return new Map()
  return group.isHomogeneous ? assignAlike(group) : assignUnlike(group)
}

interface Unfilled {
  readonly memberId: string
  readonly room: number
}

/** All subscribe to the same: who has more than its share gives to who has less. */
function assignAlike(group: AssignorGroup): Assignment {
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
    const kept = keep(old, new Set(topicIds), least + (mayHaveExtra ? 1 : 0))
    free.push(...kept.given)
    let { room } = kept
    // An extra one is left for somebody later, as long as there are enough of them.
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

/** As much of what a member had as fits into its quota. */
function keep(old: Partitions, topicIds: ReadonlySet<string>, quota: number) {
  let room = quota
  const partitions = new Map<string, Set<number>>()
  const given: [topicId: string, partition: number][] = []
  for (const topicId of uuidsInHashOrder(old.keys())) {
    if (!topicIds.has(topicId)) continue
    const kept = new Set<number>()
    for (const partition of numbersInHashOrder(old.get(topicId) ?? [])) {
      if (room > 0) kept.add(partition)
      else given.push([topicId, partition])
      if (room > 0) room--
    }
    if (kept.size > 0) partitions.set(topicId, kept)
  }
  return { partitions, given, room }
}

export const serverAssignors: ReadonlyMap<string, ServerAssignor> = new Map([
  ['uniform', uniform],
  ['range', range],
])

import type { Assignment, ShareMember } from './share-group.ts'

/** A partition: `topicId:partition`. */
type Item = string

/**
 * Kafka's `simple` assignor: every partition gets enough members that each member has a partition, partitions are spread evenly,
 * and as few as possible move. Only partitions in `assignable` are assigned.
 */
export function assignSimply(
  members: readonly ShareMember[],
  topicIdsOf: (member: ShareMember) => readonly string[],
  assignable: Assignment,
  targets: ReadonlyMap<string, Assignment>,
): ReadonlyMap<string, Assignment> {
  const subscriptions = new Map(members.map((member) => [member.memberId, new Set(topicIdsOf(member))]))
  const assigned = new Map<string, Set<Item>>(members.map(({ memberId }) => [memberId, new Set()]))
  const topicIds = new Set([...subscriptions.values()].flatMap((ids) => [...ids]))
  const isAlike = [...subscriptions.values()].every((ids) => ids.size === topicIds.size)
  // With equal subscriptions all partitions are shared in one round, otherwise the partitions of each topic in a round.
  const rounds = isAlike ? [[...topicIds]] : Array.from(topicIds, (topicId) => [topicId])
  for (const round of rounds) {
    const items = round.flatMap((topicId) =>
      [...(assignable.get(topicId) ?? [])].sort((a, b) => a - b).map((partition) => `${topicId}:${partition}`),
    )
    const takers = members
      .map(({ memberId }) => memberId)
      .filter((id) => round.every((at) => subscriptions.get(id)?.has(at)))
    const old = new Map(takers.map((id) => [id, itemsOf(targets.get(id)).filter((item) => items.includes(item))]))
    for (const [id, taken] of share(items, takers, old)) for (const item of taken) assigned.get(id)?.add(item)
  }
  return new Map(Array.from(assigned, ([memberId, items]) => [memberId, assignmentOf(items)]))
}

function share(
  items: readonly Item[],
  members: readonly string[],
  old: ReadonlyMap<string, readonly Item[]>,
): ReadonlyMap<string, ReadonlySet<Item>> {
  const sharing = items.length === 0 ? 0 : Math.ceil(members.length / items.length)
  const precise = (sharing * items.length) / members.length
  const wanted = members.map((_, index) => Math.ceil(precise * (index + 1)) - Math.ceil(precise * index))
  const taken = new Map<string, Set<Item>>()
  const takers = new Map<Item, Set<string>>(items.map((item) => [item, new Set()]))
  for (const [index, member] of members.entries()) {
    const kept = (old.get(member) ?? []).slice(-(wanted[index] as number) || undefined)
    taken.set(member, new Set(wanted[index] === 0 ? [] : kept))
    for (const item of taken.get(member) ?? []) takers.get(item)?.add(member)
  }
  for (const [item, those] of takers) {
    for (const member of those) {
      if (those.size <= sharing) break
      those.delete(member)
      taken.get(member)?.delete(item)
    }
  }
  const isUnfilled = (member: string) => (taken.get(member)?.size ?? 0) < (wanted[members.indexOf(member)] ?? 0)
  let queue = members.filter(isUnfilled)
  for (const [item, those] of takers) {
    while (those.size < sharing) {
      const member = queue.find((each) => !those.has(each))
      if (member === undefined) break
      those.add(member)
      taken.get(member)?.add(item)
      // A member that got a partition moves to the end of the queue.
      queue = queue.filter((each) => each !== member)
      if (isUnfilled(member)) queue.push(member)
    }
  }
  return taken
}

function itemsOf(assignment: Assignment | undefined): Item[] {
  return Array.from(assignment ?? []).flatMap(([topicId, partitions]) =>
    Array.from(partitions, (partition) => `${topicId}:${partition}`),
  )
}

function assignmentOf(items: ReadonlySet<Item>): Assignment {
  const assignment = new Map<string, Set<number>>()
  for (const item of items) {
    const at = item.lastIndexOf(':')
    const topicId = item.slice(0, at)
    const partitions = assignment.get(topicId) ?? new Set()
    assignment.set(topicId, partitions.add(Number(item.slice(at + 1))))
  }
  return assignment
}

import type { TopicLayout, TopicPartition } from '../membership.ts'
import { type BuiltInAssignor, compare, emptyAssignment, membersByTopic } from './assignor.ts'
import { memberRacks, racksMatter } from './racks.ts'

/**
 * Divides each topic separately, in ranges of partitions over its members in order; the first members get one more where it does
 * not divide evenly. Topics with the same number of partitions and the same members are divided alike (co-partitioned), which
 * joins of streams rely on. Where racks matter, partitions with a replica in a member's rack go first (KIP-881).
 */
export const range: BuiltInAssignor = {
  name: 'range',
  protocol: 'eager',
  assign(group) {
    const assignment = emptyAssignment(group.members)
    const give = (memberId: string, topic: string, partition: number) =>
      assignment.get(memberId)?.push({ topic, partition })
    const racks = memberRacks(group.members)
    const topics = membersByTopic(group).map(
      ({ topic, info, members }) =>
        new TopicRanges(
          topic,
          info,
          members.map(({ memberId }) => memberId),
          racks,
          give,
        ),
    )
    const rackAware = topics.some(({ racksMatter: matter }) => matter)
    if (rackAware) matchRacks(topics)
    for (const ranges of topics) ranges.assign(() => true)
    if (rackAware) for (const partitions of assignment.values()) partitions.sort(byPlace)
    return assignment
  },
}

/** What is left of one topic to assign. */
class TopicRanges {
  readonly topic: string
  readonly memberIds: readonly string[]
  readonly partitionCount: number
  readonly racksMatter: boolean
  /** Whether any member has a rack. */
  readonly hasRacks: boolean
  readonly #info: TopicLayout
  readonly #racks: ReadonlyMap<string, string>
  readonly #give: (memberId: string, topic: string, partition: number) => void
  readonly #left: Set<number>
  readonly #assigned = new Map<string, number>()
  readonly #each: number
  #extra: number

  constructor(
    topic: string,
    info: TopicLayout,
    memberIds: readonly string[],
    racks: ReadonlyMap<string, string>,
    give: (memberId: string, topic: string, partition: number) => void,
  ) {
    this.topic = topic
    this.memberIds = memberIds
    this.partitionCount = info.partitionCount
    this.#info = info
    this.#racks = racks
    this.#give = give
    this.#left = new Set(Array.from({ length: info.partitionCount }, (_, partition) => partition))
    this.#each = Math.floor(info.partitionCount / memberIds.length)
    this.#extra = info.partitionCount % memberIds.length
    const own = memberIds.flatMap((memberId) => racks.get(memberId) ?? [])
    this.hasRacks = own.length > 0
    this.racksMatter = racksMatter(own, [info])
  }

  /** Whether the partition has a replica in the member's rack, or the member has none. */
  matches(memberId: string, partition: number): boolean {
    const rack = this.#racks.get(memberId)
    return rack === undefined || (this.#info.racks[partition]?.includes(rack) ?? false)
  }

  /** How many more partitions the member may receive. */
  room(memberId: string): number {
    return Math.max(0, this.#each + (this.#extra > 0 ? 1 : 0) - (this.#assigned.get(memberId) ?? 0))
  }

  give(memberId: string, partitions: readonly number[]): void {
    const count = (this.#assigned.get(memberId) ?? 0) + partitions.length
    this.#assigned.set(memberId, count)
    if (count > this.#each) this.#extra--
    for (const partition of partitions) {
      this.#left.delete(partition)
      this.#give(memberId, this.topic, partition)
    }
  }

  assign(may: (memberId: string, partition: number) => boolean): void {
    for (const memberId of this.memberIds) {
      const partitions: number[] = []
      const room = this.room(memberId)
      for (const partition of this.#left) {
        if (partitions.length === room) break
        if (may(memberId, partition)) partitions.push(partition)
      }
      if (partitions.length > 0) this.give(memberId, partitions)
    }
  }
}

/** Topics that are divided alike must also match racks alike: one member receives the same partition of all of them. */
function matchRacks(topics: readonly TopicRanges[]): void {
  const groups = new Map<string, TopicRanges[]>()
  for (const ranges of topics) {
    const key = JSON.stringify([ranges.hasRacks ? ranges.partitionCount : 0, ...ranges.memberIds])
    groups.set(key, [...(groups.get(key) ?? []), ranges])
  }
  for (const group of groups.values()) {
    const [first] = group
    if (first === undefined) continue
    if (group.length > 1) matchTogether(group, first)
    else if (first.racksMatter) first.assign((memberId, partition) => first.matches(memberId, partition))
  }
}

function matchTogether(group: readonly TopicRanges[], { memberIds, partitionCount, hasRacks }: TopicRanges): void {
  if (!hasRacks) return
  const remaining = new Set(memberIds)
  for (let partition = 0; partition < partitionCount && remaining.size > 0; partition++) {
    const memberId = [...remaining].find((id) =>
      group.every((ranges) => ranges.matches(id, partition) && ranges.room(id) > 0),
    )
    if (memberId === undefined) continue
    for (const ranges of group) ranges.give(memberId, [partition])
    if (group.every((ranges) => ranges.room(memberId) === 0)) remaining.delete(memberId)
  }
}

function byPlace(a: TopicPartition, b: TopicPartition): number {
  return compare(a.topic, b.topic) || a.partition - b.partition
}

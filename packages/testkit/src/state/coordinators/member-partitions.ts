/** Partitions by topic id; in a streams group, tasks by subtopology id. */
export type Partitions = ReadonlyMap<string, ReadonlySet<number>>
/** The same, each with the member epoch in which it was assigned. */
export type OwnedPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>

export const noPartitions: OwnedPartitions & Partitions = new Map()

/** The member epoch of a heartbeat that leaves the group. */
export const LEAVING_EPOCH = -1
/** The member epoch of a heartbeat with which a static member leaves until it restarts. */
export const STATIC_LEAVING_EPOCH = -2

export function sameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each))
}

export function sameOwned(a: OwnedPartitions, b: OwnedPartitions): boolean {
  return (
    a.size === b.size &&
    [...a].every(([topicId, partitions]) => {
      const other = b.get(topicId)
      return (
        other?.size === partitions.size && [...partitions].every(([partition, epoch]) => other.get(partition) === epoch)
      )
    })
  )
}

export function samePartitions(a: Partitions, b: Partitions): boolean {
  return (
    a.size === b.size &&
    [...a].every(([topicId, partitions]) => {
      const other = b.get(topicId)
      return other !== undefined && sameSet(partitions, other)
    })
  )
}

export function withEpoch(partitions: Partitions, epoch: number): OwnedPartitions {
  return new Map(
    [...partitions].map(([topicId, each]) => [topicId, new Map([...each].map((partition) => [partition, epoch]))]),
  )
}

export function withoutEpochs(owned: OwnedPartitions): Partitions {
  return new Map([...owned].map(([topicId, each]) => [topicId, new Set(each.keys())]))
}

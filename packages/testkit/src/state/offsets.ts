/** A committed offset with what its record says. */
export interface CommittedOffset {
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestampMs: number
  /** Only of commits that asked for a retention of their own (OffsetCommit v2–v4). */
  readonly expireTimestampMs: number | undefined
  /** The topic's id at the time of the commit, null where it was not written. */
  readonly topicId: string | null
}

/** Committed offsets by group, topic and partition. */
class OffsetTable {
  readonly #groups = new Map<string, Map<string, Map<number, CommittedOffset>>>()

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.get(topic)?.get(partition)
  }

  topics(groupId: string): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> {
    return this.#groups.get(groupId) ?? new Map()
  }

  groupIds(): IterableIterator<string> {
    return this.#groups.keys()
  }

  put(groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    const topics = getOrAdd(this.#groups, groupId)
    getOrAdd(topics, topic).set(partition, offset)
  }

  remove(groupId: string, topic: string, partition: number): void {
    const topics = this.#groups.get(groupId)
    const partitions = topics?.get(topic)
    if (!topics || !partitions?.delete(partition)) return
    if (partitions.size === 0) topics.delete(topic)
    if (topics.size === 0) this.#groups.delete(groupId)
  }
}

function getOrAdd<K, V extends Map<unknown, unknown>>(map: Map<K, V>, key: K): V {
  const found = map.get(key)
  if (found) return found
  const added = new Map() as V
  map.set(key, added)
  return added
}

/** What the log holds, and of that, what the in-sync replicas hold: decisions read the first, clients the second. */
export class CommittedOffsets {
  readonly latest = new OffsetTable()
  readonly committed = new OffsetTable()
}

/** A committed offset, as in its record. */
export interface CommittedOffset {
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestampMs: number
  /** Set only by commits with a retention time (OffsetCommit v2 to v4). */
  readonly expireTimestampMs: number | undefined
  /** The topic's id at the time of the commit; null in records without one. */
  readonly topicId: string | null
}

/** An offset that counts once its transaction is committed. */
export interface PendingOffset {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  readonly offset: CommittedOffset
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

type OffsetKey = Omit<PendingOffset, 'offset'>

const isSame = (one: OffsetKey, other: OffsetKey): boolean =>
  one.partition === other.partition && one.topic === other.topic && one.groupId === other.groupId

/** The committed offsets of a shard. The coordinator decides by `latest`; clients read `committed`. */
export class CommittedOffsets {
  /** All offsets in the log. */
  readonly latest = new OffsetTable()
  /** The offsets that the in-sync replicas have. */
  readonly committed = new OffsetTable()
  /** The offsets of open transactions, by producer id; not visible to clients. */
  readonly #pending = new Map<bigint, PendingOffset[]>()

  putPending(producerId: bigint, offset: PendingOffset): void {
    const offsets = this.#pending.get(producerId) ?? []
    this.#pending.set(producerId, offsets)
    const at = offsets.findIndex((known) => isSame(known, offset))
    if (at >= 0) offsets.splice(at, 1)
    offsets.push(offset)
  }

  /** True while an open transaction has an offset for the partition. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    const key = { groupId, topic, partition }
    return [...this.#pending.values()].some((offsets) => offsets.some((each) => isSame(each, key)))
  }

  hasPending(groupId: string): boolean {
    return [...this.#pending.values()].some((offsets) => offsets.some((each) => each.groupId === groupId))
  }

  /** Drops pending offsets of the partition, because a commit outside of a transaction came later. */
  supersede(groupId: string, topic: string, partition: number): void {
    for (const offsets of this.#pending.values()) {
      const at = offsets.findIndex((each) => isSame(each, { groupId, topic, partition }))
      if (at >= 0) offsets.splice(at, 1)
    }
  }

  /** Ends a transaction whose marker is in the log. The returned function must be called once it is replicated. */
  endLatest(producerId: bigint, committed: boolean): () => void {
    const offsets = this.#pending.get(producerId) ?? []
    this.#pending.delete(producerId)
    if (!committed) return () => {}
    for (const { groupId, topic, partition, offset } of offsets) this.latest.put(groupId, topic, partition, offset)
    return () => {
      for (const { groupId, topic, partition, offset } of offsets) this.committed.put(groupId, topic, partition, offset)
    }
  }

  /** Ends a transaction whose marker is replicated. */
  end(producerId: bigint, committed: boolean): void {
    this.endLatest(producerId, committed)()
  }
}

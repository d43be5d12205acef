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

/** An offset that a transaction commits if it is committed itself. */
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

type OffsetPlace = Omit<PendingOffset, 'offset'>

const isSame = (one: OffsetPlace, other: OffsetPlace): boolean =>
  one.partition === other.partition && one.topic === other.topic && one.groupId === other.groupId

/** What the log holds, and of that, what the in-sync replicas hold: decisions read the first, clients the second. */
export class CommittedOffsets {
  readonly latest = new OffsetTable()
  readonly committed = new OffsetTable()
  /** Of transactions that have not ended: nobody sees them before. */
  readonly #pending = new Map<bigint, PendingOffset[]>()

  putPending(producerId: bigint, offset: PendingOffset): void {
    const offsets = this.#pending.get(producerId) ?? []
    this.#pending.set(producerId, offsets)
    const at = offsets.findIndex((known) => isSame(known, offset))
    if (at >= 0) offsets.splice(at, 1)
    offsets.push(offset)
  }

  /** True while a transaction may still change what is committed there. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    const where = { groupId, topic, partition }
    return [...this.#pending.values()].some((offsets) => offsets.some((each) => isSame(each, where)))
  }

  hasPending(groupId: string): boolean {
    return [...this.#pending.values()].some((offsets) => offsets.some((each) => each.groupId === groupId))
  }

  /** A commit without a transaction came after those that wait: it stays. */
  supersede(groupId: string, topic: string, partition: number): void {
    for (const offsets of this.#pending.values()) {
      const at = offsets.findIndex((each) => isSame(each, { groupId, topic, partition }))
      if (at >= 0) offsets.splice(at, 1)
    }
  }

  /** The transaction's marker is in the log. Returns what to call when it is replicated. */
  endLatest(producerId: bigint, committed: boolean): () => void {
    const offsets = this.#pending.get(producerId) ?? []
    this.#pending.delete(producerId)
    if (!committed) return () => {}
    for (const { groupId, topic, partition, offset } of offsets) this.latest.put(groupId, topic, partition, offset)
    return () => {
      for (const { groupId, topic, partition, offset } of offsets) this.committed.put(groupId, topic, partition, offset)
    }
  }

  /** The same where all is replicated. */
  end(producerId: bigint, committed: boolean): void {
    this.endLatest(producerId, committed)()
  }
}

import type { TopicPartition } from '../../cluster/topology.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { PartitionMap } from '../partition/partition-map.ts'
import { mostPartitionsPerRequest } from '../turns.ts'
import { CommitEntry, type ExplicitOffset } from './commit-entry.ts'

/** Whether an entry may be sent at the moment. */
export type Sendable = (entry: CommitEntry) => boolean

/**
 * What has to be committed, at most one explicit offset and one progress per partition. Of several explicit offsets the latest is
 * sent. An explicit offset is sent before the progress, which then follows only from beyond it.
 */
export class CommitQueue {
  readonly #explicit = new PartitionMap<CommitEntry>()
  readonly #progress = new PartitionMap<CommitEntry>()
  readonly #onGone: (entry: CommitEntry) => void

  /** `onGone` settles the callers of partitions that were given up. */
  constructor(onGone: (entry: CommitEntry) => void) {
    this.#onGone = onGone
  }

  get size(): number {
    return this.#explicit.size + this.#progress.size
  }

  explicit(place: TopicPartition, offset: ExplicitOffset, owner: AssignedPartition | undefined): CommitEntry {
    const known = this.#current(this.#explicit, place)
    if (known !== undefined) {
      known.replace(offset, owner)
      return known
    }
    return this.#add(this.#explicit, new CommitEntry(place, owner, offset))
  }

  progress(owner: AssignedPartition): CommitEntry {
    const known = this.#current(this.#progress, owner)
    return known ?? this.#add(this.#progress, new CommitEntry(owner, owner))
  }

  /** Removes and returns what can be sent now, at most as much as one request may have. */
  take(nowMs: number, isSendable: Sendable): CommitEntry[] {
    this.prune()
    const taken: CommitEntry[] = []
    for (const entry of this.#open(isSendable)) {
      if (taken.length >= mostPartitionsPerRequest) break
      if (entry.dueMs <= nowMs) taken.push(entry)
    }
    for (const entry of taken) this.#mapOf(entry).delete(entry)
    return taken
  }

  /** When something can be sent, on `monoNow`; Infinity: nothing can. */
  nextDueMs(isSendable: Sendable): number {
    let dueMs = Number.POSITIVE_INFINITY
    for (const entry of this.#open(isSendable)) dueMs = Math.min(dueMs, entry.dueMs)
    return dueMs
  }

  /**
   * What can be sent when it is due: progress waits for the explicit offset of its partition. `take` and `nextDueMs` must agree on it:
   * something that is due and cannot be taken would be tried again without end.
   */
  *#open(isSendable: Sendable): Generator<CommitEntry> {
    for (const entry of this.all()) {
      if (entry.isChecking || !entry.isWanted || !isSendable(entry)) continue
      if (entry.isExplicit || this.#explicit.get(entry) === undefined) yield entry
    }
  }

  /** After a failure that is retried. What was added in the meantime is newer. */
  putBack(entry: CommitEntry): void {
    if (entry.isGone) {
      this.#onGone(entry)
      return
    }
    if (!entry.isWanted) return
    const map = this.#mapOf(entry)
    const newer = this.#current(map, entry)
    if (newer === undefined) map.set(entry)
    else newer.absorb(entry)
  }

  /** Settles what waits for a partition that was given up. */
  release(partition: AssignedPartition): void {
    for (const map of [this.#explicit, this.#progress]) {
      const entry = map.get(partition)
      if (entry?.owner !== partition) continue
      map.delete(entry)
      this.#onGone(entry)
    }
  }

  *all(): Generator<CommitEntry> {
    yield* this.#explicit.all
    yield* this.#progress.all
  }

  remove(entry: CommitEntry): void {
    this.#mapOf(entry).delete(entry)
  }

  #mapOf(entry: CommitEntry): PartitionMap<CommitEntry> {
    return entry.isExplicit ? this.#explicit : this.#progress
  }

  /** The entry of this place, unless its partition was given up: another assignment of the same partition is another one. */
  #current(map: PartitionMap<CommitEntry>, place: TopicPartition): CommitEntry | undefined {
    const entry = map.get(place)
    if (entry === undefined || !entry.isGone) return entry
    map.delete(entry)
    this.#onGone(entry)
    return undefined
  }

  #add(map: PartitionMap<CommitEntry>, entry: CommitEntry): CommitEntry {
    map.set(entry)
    return entry
  }

  /** Drops what no call waits for any more, and settles what was given up. */
  prune(): void {
    for (const entry of this.all()) {
      if (entry.isGone) {
        this.remove(entry)
        this.#onGone(entry)
      } else if (!entry.isWanted) this.remove(entry)
    }
  }
}

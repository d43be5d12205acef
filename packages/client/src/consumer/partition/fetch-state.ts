import type { FetchResponse } from '@ottla/codec'
import type { PartitionInfo } from '../../cluster/topology.ts'
import { noTopicId } from '../../cluster/topology.ts'

type PartitionResponse = FetchResponse['responses'][number]['partitions'][number]

/** What the metadata changed for a partition. */
export type LeaderChange = 'none' | 'moved' | 'new-epoch' | 'recreated'

/** Where and from whom a partition is fetched next. Brokers are ids: their objects are looked up when they are used. */
export class FetchState {
  /** The next offset to fetch; -1: the position is unknown. */
  #offset = -1
  /** The leader epoch of the last batch that was fetched before it; -1: unknown. */
  #epoch = -1
  #leaderId = -1
  #leaderEpoch = -1
  #topicId: string | undefined
  #preferredId = -1
  #preferredUntilMs = 0
  #failures = 0
  #resumeAtMs = 0
  #highWatermark = -1
  #lastStableOffset = -1
  #logStartOffset = -1
  #fetchedAtMs = -1

  get offset(): number {
    return this.#offset
  }

  get epoch(): number {
    return this.#epoch
  }

  /** -1: none at the moment. */
  get leaderId(): number {
    return this.#leaderId
  }

  /** -1: unknown. */
  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  /** The id of the topic that the position belongs to; undefined: the brokers have no ids, or it is not known yet. */
  get topicId(): string | undefined {
    return this.#topicId
  }

  /** The broker to fetch from: the preferred replica, else the leader; -1: none. */
  get brokerId(): number {
    return this.#preferredId >= 0 ? this.#preferredId : this.#leaderId
  }

  get preferredId(): number {
    return this.#preferredId
  }

  get failures(): number {
    return this.#failures
  }

  /** Until then no fetch includes the partition; on `monoNow`. 0: no backoff. */
  get resumeAtMs(): number {
    return this.#resumeAtMs
  }

  get highWatermark(): number {
    return this.#highWatermark
  }

  get lastStableOffset(): number {
    return this.#lastStableOffset
  }

  get logStartOffset(): number {
    return this.#logStartOffset
  }

  /** When the last successful response arrived, on `monoNow`; -1: none yet. */
  get fetchedAtMs(): number {
    return this.#fetchedAtMs
  }

  /** `epoch`: that of the last batch before `offset`, after a fetch. Not needed where the position is that of the next delivery. */
  moveTo(offset: number, epoch = -1): void {
    this.#offset = offset
    this.#epoch = epoch
  }

  /** Applies the metadata. A topic with another id is another topic: its epochs start from 0. */
  applyLeader({
    leader,
    leaderEpoch,
    topicId,
  }: Pick<PartitionInfo, 'leader' | 'leaderEpoch' | 'topicId'>): LeaderChange {
    const before = this.#topicId
    if (topicId !== noTopicId) this.#topicId = topicId
    if (before !== undefined && this.#topicId !== before) {
      this.#setLeader(leader, leaderEpoch)
      return 'recreated'
    }
    const hasMoved = leader !== this.#leaderId
    const isNewer = leaderEpoch > this.#leaderEpoch
    if (hasMoved || isNewer) this.#setLeader(leader, Math.max(leaderEpoch, this.#leaderEpoch))
    return isNewer ? 'new-epoch' : hasMoved ? 'moved' : 'none'
  }

  #setLeader(leader: number, leaderEpoch: number): void {
    if (leader !== this.#leaderId) this.#preferredId = -1
    this.#leaderId = leader
    this.#leaderEpoch = leaderEpoch
  }

  /** Reads from this replica until `untilMs` (KIP-392). */
  prefer(replicaId: number, untilMs: number): void {
    this.#preferredId = replicaId
    this.#preferredUntilMs = untilMs
  }

  /** Reads from the leader again. */
  forgetPreferred(): void {
    this.#preferredId = -1
  }

  preferredExpired(nowMs: number): boolean {
    return this.#preferredId >= 0 && nowMs >= this.#preferredUntilMs
  }

  /** A fetch failed: none includes the partition before `resumeAtMs`. */
  backOff(resumeAtMs: number): void {
    this.#failures++
    this.#resumeAtMs = resumeAtMs
  }

  resume(): void {
    this.#resumeAtMs = 0
  }

  succeeded({ highWatermark, lastStableOffset, logStartOffset }: PartitionResponse, nowMs: number): void {
    this.#failures = 0
    this.#fetchedAtMs = nowMs
    this.#highWatermark = Number(highWatermark)
    this.#lastStableOffset = Number(lastStableOffset)
    this.#logStartOffset = Number(logStartOffset)
  }

  /** The ends of the log are those of another topic, or of a log that was cut. */
  forgetEnds(): void {
    this.#highWatermark = -1
    this.#lastStableOffset = -1
    this.#logStartOffset = -1
  }
}

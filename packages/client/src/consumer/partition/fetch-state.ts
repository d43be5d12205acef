import type { FetchResponse } from '@ottla/codec'
import type { PartitionInfo } from '../../cluster/topology.ts'
import { noTopicId } from '../../cluster/topology.ts'
import type { KafkaError } from '../../errors.ts'
import { type Obstacle, type Trouble, troubled } from './trouble.ts'

type PartitionResponse = FetchResponse['responses'][number]['partitions'][number]

/** What the metadata changed for a partition. */
export type LeaderChange = 'none' | 'moved' | 'new-epoch' | 'recreated'

/** Where and from whom a partition is fetched next. Brokers are ids: their objects are looked up when they are used. */
export class FetchState {
  /** The next offset to fetch; -1: the position is unknown. */
  #offset = -1
  /** The leader epoch of the last batch that was fetched before it; -1: unknown. */
  #epoch = -1
  /** Those of the metadata. */
  #leaderId = -1
  #leaderEpoch = -1
  /** Those are the last ones: the metadata has none at the moment. */
  #leaderless = false
  #topicId: string | undefined
  /** A leader that another broker named (KIP-951), until its first response confirms it. */
  #hintedId = -1
  #hintedEpoch = -1
  /** One hint per success: brokers that contradict each other must not send the client back and forth. */
  #hintUsed = false
  #preferredId = -1
  #preferredUntilMs = 0
  /** Until then the leader is read, whichever replica it prefers. */
  #avoidUntilMs = 0
  /** Number of preferred replicas in sequence that could not be read. */
  #avoided = 0
  #failures = 0
  #resumeAtMs = 0
  #topicMissing = false
  #outOfRange = false
  #trouble: Trouble | undefined
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

  /** That of the metadata, or a hint; -1: none is known. */
  get leaderId(): number {
    return this.#hintedId >= 0 ? this.#hintedId : this.#leaderId
  }

  /** The newest one that the metadata or the leader itself confirmed; -1: unknown. */
  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  /** The leader epoch to send in a fetch. */
  get requestEpoch(): number {
    return this.#hintedId >= 0 ? this.#hintedEpoch : this.#leaderEpoch
  }

  /** The id of the topic that the position belongs to; undefined: the brokers have no ids, or it is not known yet. */
  get topicId(): string | undefined {
    return this.#topicId
  }

  /** The broker to fetch from: the preferred replica, else the leader; -1: none. */
  get brokerId(): number {
    return this.#preferredId >= 0 ? this.#preferredId : this.leaderId
  }

  /** The follower to read from (KIP-392); -1: the leader is read. */
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

  /** What keeps the partition from being fetched; undefined also while nothing is known. */
  get trouble(): Trouble | undefined {
    return this.#trouble
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

  /** When the last response to a fetch with the partition arrived, on `monoNow`; -1: none yet. Errors do not count. */
  get fetchedAtMs(): number {
    return this.#fetchedAtMs
  }

  /** `epoch`: that of the last batch before `offset`, after a fetch. Not needed where the position is that of the next delivery. */
  moveTo(offset: number, epoch = -1): void {
    this.#offset = offset
    this.#epoch = epoch
    this.#outOfRange = false
  }

  // ---- the leader

  /**
   * Applies the metadata. A topic with another id is another topic, and so is one without ids whose epochs start over: its leader
   * epochs start from 0. Without a leader the previous one stays: it reports an error if it is no longer the leader.
   */
  applyLeader({
    leader,
    leaderEpoch,
    topicId,
  }: Pick<PartitionInfo, 'leader' | 'leaderEpoch' | 'topicId'>): LeaderChange {
    const before = this.#topicId
    const isOlder = leaderEpoch >= 0 && leaderEpoch < this.#leaderEpoch
    const hasId = topicId !== noTopicId
    if (hasId) this.#topicId = topicId
    if (before === undefined ? !hasId && isOlder : this.#topicId !== before) {
      this.#startOver(leader, leaderEpoch)
      return 'recreated'
    }
    if (isOlder) return 'none'
    this.#leaderless = leader < 0
    if (leader < 0) return 'none'
    const isNewer = leaderEpoch > this.#leaderEpoch
    const hasMoved = leader !== this.#leaderId
    if (!isNewer && !hasMoved) return 'none'
    if (leaderEpoch < 0 || leaderEpoch >= this.#hintedEpoch) this.#endHint()
    this.#setLeader(leader, leaderEpoch)
    return isNewer ? 'new-epoch' : 'moved'
  }

  #setLeader(leader: number, leaderEpoch: number): void {
    if (leader !== this.#leaderId) {
      this.#preferredId = -1
      // The errors were those of another broker.
      if (this.#trouble?.obstacle !== 'forbidden' && !this.#topicMissing) this.#resumeAtMs = 0
    }
    this.#leaderId = leader
    this.#leaderEpoch = Math.max(leaderEpoch, this.#leaderEpoch)
    this.#hintUsed = false
  }

  #startOver(leader: number, leaderEpoch: number): void {
    this.#endHint()
    this.#hintUsed = false
    this.#preferredId = -1
    this.#leaderId = leader
    this.#leaderEpoch = leaderEpoch
    this.#leaderless = leader < 0
    this.#healthy()
    this.forgetEnds()
  }

  /** Whether the leader was named by another broker and has not confirmed it yet. */
  get isHinted(): boolean {
    return this.#hintedId >= 0
  }

  /** Reads from a leader that another broker named. False: its epoch is not newer, or the last hint did not lead to a success. */
  followHint(leaderId: number, leaderEpoch: number): boolean {
    if (leaderId < 0 || leaderEpoch <= this.#leaderEpoch || this.#hintUsed) return false
    this.#hintUsed = true
    this.#hintedId = leaderId
    this.#hintedEpoch = leaderEpoch
    this.#preferredId = -1
    return true
  }

  /** The hinted leader served its epoch. */
  confirmHint(): void {
    const leader = this.#hintedId
    const leaderEpoch = this.#hintedEpoch
    this.#endHint()
    this.#setLeader(leader, leaderEpoch)
  }

  /** The hinted leader refused, or cannot be reached: the metadata decides. */
  dropHint(): void {
    this.#endHint()
  }

  #endHint(): void {
    this.#hintedId = -1
    this.#hintedEpoch = -1
  }

  // ---- the preferred replica

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

  /** A preferred replica could not be read: the leader is, for a time that doubles from `firstMs` to `maxMs`. */
  avoidReplicas(nowMs: number, firstMs: number, maxMs: number): void {
    this.#preferredId = -1
    this.#avoidUntilMs = nowMs + Math.min(maxMs, firstMs * 2 ** Math.min(this.#avoided, 30))
    this.#avoided++
  }

  /** Whether the leader has to be read, whichever replica it prefers. */
  avoidsReplicas(nowMs: number): boolean {
    return nowMs < this.#avoidUntilMs
  }

  // ---- failures

  /** A fetch failed: none includes the partition before `resumeAtMs`. */
  backOff(resumeAtMs: number): void {
    this.#failures++
    this.#resumeAtMs = resumeAtMs
  }

  /** A partition that has no leader in the metadata backs off too: the reason that lasts is the one to report. */
  obstruct(obstacle: Exclude<Obstacle, 'resolving' | 'failed'>, error: KafkaError | undefined, nowMs: number): void {
    const before = this.#trouble
    const lasting = obstacle === 'backing-off' && this.#leaderless ? 'no-leader' : obstacle
    this.#trouble = troubled(before, lasting, error, nowMs)
  }

  /** Whether a broker reported that the topic does not exist, and no metadata since then showed the contrary. */
  get topicMissing(): boolean {
    return this.#topicMissing
  }

  /** Before the metadata shows which topic has the name now, a fetch could read another one. */
  missTopic(missing: boolean): void {
    this.#topicMissing = missing
  }

  /** The log does not contain the offset, and records before it are not delivered yet: no fetch until they are. */
  get outOfRange(): boolean {
    return this.#outOfRange
  }

  leaveRange(outOfRange: boolean): void {
    this.#outOfRange = outOfRange
  }

  // ---- success

  succeeded({ highWatermark, lastStableOffset, logStartOffset }: PartitionResponse, nowMs: number): void {
    this.#fetchedAtMs = nowMs
    this.#highWatermark = Number(highWatermark)
    this.#lastStableOffset = Number(lastStableOffset)
    this.#logStartOffset = Number(logStartOffset)
    this.#healthy()
  }

  /** A response to a fetch with the partition reports nothing of it, or nothing new. */
  unchanged(nowMs: number): void {
    this.#fetchedAtMs = nowMs
    if (this.#trouble !== undefined) this.#healthy()
  }

  #healthy(): void {
    this.#failures = 0
    this.#resumeAtMs = 0
    this.#topicMissing = false
    this.#trouble = undefined
    this.#hintUsed = false
    if (this.#preferredId >= 0) this.#avoided = 0
  }

  /** The ends of the log are those of another topic, or of a log that was cut. */
  forgetEnds(): void {
    this.#highWatermark = -1
    this.#lastStableOffset = -1
    this.#logStartOffset = -1
  }
}

import { describePartition, type KafkaError } from '../../errors.ts'
import type { StartOffset } from '../../group/offset-input.ts'
import type { OriginGroup } from '../../group/origin.ts'
import type { RecordDecoder } from '../decoding/record-decoder.ts'
import type { BufferHost, BufferOwner } from './buffer-host.ts'
import { type EndReason, type Era, Eras } from './era.ts'
import { FetchState } from './fetch-state.ts'
import { Hands } from './hands.ts'
import { PartitionBuffer } from './partition-buffer.ts'
import type { Position } from './position.ts'
import { Progress } from './progress.ts'
import { type Obstacle, type Trouble, troubled } from './trouble.ts'

/** How the position was determined. */
export type Placement = 'start' | 'policy' | 'sought' | 'reset' | 'recreated'

/**
 * A partition from its assignment until it is revoked, lost or closed. Each part of its state has one owner: `progress` (delivered,
 * processed, committed), `fetching` (from which broker, from which offset), `buffer` (bytes at hand), `hands` (items that the
 * application processes). A partition that is assigned again is another object.
 */
export class AssignedPartition implements BufferOwner {
  readonly topic: string
  readonly partition: number
  readonly progress = new Progress()
  readonly fetching = new FetchState()
  readonly buffer: PartitionBuffer<AssignedPartition>
  readonly hands = new Hands()
  /** The group whose member the consumer is, or to which it commits. */
  readonly group: OriginGroup | undefined
  /** Undefined: the topic has no serdes. */
  readonly decoder: RecordDecoder | undefined
  readonly #eras = new Eras()
  #start: StartOffset | undefined
  #owned = true
  /** A transaction commits its offsets. */
  #isClaimed = false
  #paused = false
  #revoking = false
  /** Handlers of an earlier assignment of the same partition still run. */
  #blocked = false
  /** Its next item waits for a retry. */
  #parked = false
  #halted = false
  #trouble: Trouble | undefined
  /** The position is being looked up or validated; requests for that may have failed meanwhile. */
  #resolving = false
  #limit = Number.POSITIVE_INFINITY
  /** The leader epoch in which the position was validated; in a newer one the log may have been truncated. */
  #validatedEpoch = -1

  constructor(
    topic: string,
    partition: number,
    host: BufferHost<AssignedPartition>,
    start?: StartOffset,
    group?: OriginGroup,
    decoder?: RecordDecoder,
  ) {
    this.topic = topic
    this.partition = partition
    this.group = group
    this.decoder = decoder
    this.#start = start
    this.buffer = new PartitionBuffer<AssignedPartition>(this, host)
  }

  get era(): Era {
    return this.#eras.current
  }

  /** Where to start, if not at the committed offset. */
  get start(): StartOffset | undefined {
    return this.#start
  }

  startAt(offset: StartOffset): void {
    this.#start = offset
  }

  /** Whether automatic commits include it: not once a transaction has committed an offset of it in this assignment. */
  get commitsAutomatically(): boolean {
    return this.#owned && !this.#isClaimed
  }

  /** From now on its offsets are committed by transactions: an automatic commit would store what a transaction has not committed. */
  claim(): void {
    this.#isClaimed = true
  }

  /** False once the partition was revoked, lost or closed. */
  get owned(): boolean {
    return this.#owned
  }

  get paused(): boolean {
    return this.#paused
  }

  get revoking(): boolean {
    return this.#revoking
  }

  /** Deliver nothing: paused, being revoked, no longer owned, waiting for a retry or for handlers of an earlier assignment. */
  get halted(): boolean {
    return this.#halted
  }

  /** Items that were delivered may be processed: not while paused, being revoked or waiting for handlers of an earlier assignment. */
  get mayProcess(): boolean {
    return this.#owned && !this.#paused && !this.#revoking && !this.#blocked
  }

  get signal(): AbortSignal {
    return this.hands.signal
  }

  get highWatermark(): number {
    return this.fetching.highWatermark
  }

  /** An obstacle of its position, else one of its fetches. */
  get trouble(): Trouble | undefined {
    return this.#trouble ?? this.fetching.trouble
  }

  get failed(): KafkaError | undefined {
    return this.#trouble?.obstacle === 'failed' ? this.#trouble.error : undefined
  }

  get resolving(): boolean {
    return this.#resolving
  }

  get validatedEpoch(): number {
    return this.#validatedEpoch
  }

  validated(leaderEpoch: number): void {
    this.#validatedEpoch = leaderEpoch
  }

  /**
   * The highest offset that was fetched or delivered, with the leader epoch of the record before it: the log of a new leader contains
   * everything before it, or was cut.
   */
  get furthest(): Position {
    const { frontier } = this.progress
    const { offset, epoch } = this.fetching
    return offset > frontier.offset ? { offset, epoch } : frontier
  }

  /** Whether a fetch may include the partition. */
  isFetchable(nowMs: number): boolean {
    const { fetching } = this
    if (this.#halted || this.#resolving || this.#trouble?.obstacle === 'failed' || fetching.offset < 0) return false
    if (fetching.offset >= this.#limit || this.progress.next >= this.#limit) return false
    return nowMs >= fetching.resumeAtMs && !fetching.topicMissing && !this.buffer.isUnreadable
  }

  /** Number of records not delivered yet, as of the last fetch; undefined while the position or the end of the log is unknown. */
  get lag(): number | undefined {
    const { next } = this.progress
    const { highWatermark, offset } = this.fetching
    return next < 0 || offset < 0 || highWatermark < 0 ? undefined : Math.max(0, highWatermark - next)
  }

  get limit(): number {
    return this.#limit
  }

  /** Whether nothing is left to deliver before the limit. A partition that failed delivers nothing more until a seek. */
  get isAtEnd(): boolean {
    if (this.failed !== undefined) return this.buffer.isReported
    return !this.#resolving && this.progress.next >= this.#limit
  }

  // ---- state

  /** Delivers the records before this offset. */
  limitTo(offset: number): void {
    this.#limit = offset
  }

  /** A fetch at the offset to fetch brought nothing, so up to the end of the log there is no record. */
  foundNothing(committedOnly: boolean): void {
    const { highWatermark, lastStableOffset } = this.fetching
    const end = committedOnly ? lastStableOffset : highWatermark
    if (this.#limit <= end && this.fetching.offset < this.#limit) this.buffer.passTo(this.#limit)
  }

  pause(paused: boolean): void {
    this.#paused = paused
    this.#refresh()
  }

  block(blocked: boolean): void {
    this.#blocked = blocked
    this.#refresh()
  }

  get parked(): boolean {
    return this.#parked
  }

  park(parked: boolean): void {
    this.#parked = parked
    this.#refresh()
  }

  /** Stops delivery before a revocation. */
  beginRevoking(): void {
    this.#revoking = true
    this.#refresh()
  }

  /**
   * The position is unknown, unconfirmed or cannot be read. 'resolving' excludes the partition from fetches until `resolved`, `place`
   * or `displace`. The time of an obstacle that lasts is that of its beginning.
   */
  obstruct(obstacle: Obstacle, error: KafkaError | undefined, nowMs: number): void {
    if (obstacle === 'resolving') this.#resolving = true
    this.#trouble = troubled(this.#trouble, obstacle, error, nowMs)
  }

  /** The look-up or validation of the position has ended. */
  resolved(): void {
    this.#resolving = false
    this.#trouble = undefined
  }

  /** The partition is revoked, lost or closed: nothing of it is delivered, and its items can no longer be marked. */
  release(reason: () => KafkaError): void {
    this.#owned = false
    this.#eras.next('lost')
    this.buffer.clear()
    this.#refresh()
    this.hands.close(reason)
  }

  // ---- moving

  /** Delivers from `position` on. Drops what was fetched from elsewhere. */
  place(position: Position, how: Placement): void {
    this.#endEra(position, how)
    this.buffer.clear()
    if (how === 'reset') this.progress.reset(position)
    else if (how === 'policy' || how === 'recreated') this.progress.startByPolicy(position)
    else this.progress.start(position)
    this.fetching.moveTo(position.offset)
    this.#validatedEpoch = -1
    this.resolved()
  }

  /**
   * The log was cut at `position`, so what was fetched beyond it is dropped. Returns whether records that were delivered are gone;
   * delivery continues at the cut then, else where it was.
   */
  truncate(position: Position): boolean {
    this.#eras.next('reset', position.offset)
    this.buffer.clear()
    const isCut = this.progress.truncate(position)
    this.fetching.moveTo(this.progress.next)
    this.fetching.forgetEnds()
    this.resolved()
    return isCut
  }

  /** Delivers nothing more of what was fetched until `place`; the application or a new topic moved the position. */
  displace(how: 'sought' | 'recreated'): void {
    this.#eras.next(how)
    this.buffer.clear()
    this.fetching.moveTo(-1)
    this.#validatedEpoch = -1
    this.resolved()
    if (how === 'sought') {
      this.progress.leave()
      return
    }
    this.progress.forget()
    this.fetching.forgetEnds()
  }

  #endEra(position: Position, how: Placement): void {
    if (how === 'reset') this.#eras.next('reset', position.offset)
    else if (this.progress.isKnown) this.#eras.next(how === 'recreated' ? 'recreated' : 'sought')
  }

  /** Items that were handed out and not processed are delivered again. */
  giveBack(start: number, end: number): void {
    this.progress.giveBack(start, end)
    if (!this.buffer.isOut && !this.buffer.coversPosition) this.dropFetched()
  }

  /** Everything from `position` on is delivered again: from the bytes that are still here, else it is fetched again. */
  rewind(position: Position): void {
    this.progress.rewind(position)
    if (!this.buffer.rewind()) this.dropFetched()
  }

  /** Continues behind a batch that cannot be read, as behind one without records. */
  skipUnreadable({ end, epoch }: { readonly end: number; readonly epoch: number }): void {
    this.progress.skip(end, epoch)
    this.dropFetched()
  }

  /** Frees the memory of what is not delivered yet: it will be fetched again. */
  dropFetched(): void {
    this.buffer.clear()
    if (this.fetching.offset >= 0) this.fetching.moveTo(this.progress.next)
  }

  #refresh(): void {
    this.#halted = this.#paused || this.#revoking || this.#blocked || this.#parked || !this.#owned
  }

  toString(): string {
    return describePartition({ topic: this.topic, partition: this.partition })
  }
}

/** Whether an item of this era may still be marked as processed, and if not, why. */
export function endOf(era: Era, end: number): EndReason | undefined {
  return end <= era.validBelow ? undefined : (era.ended ?? 'lost')
}

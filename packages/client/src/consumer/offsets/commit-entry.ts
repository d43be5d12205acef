import type { TopicPartition } from '../../cluster/topology.ts'
import { describePartition, KafkaError } from '../../errors.ts'
import { encodeAhead } from '../partition/ahead-codec.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Era } from '../partition/era.ts'
import { type CommitCall, committing } from './commit-call.ts'

/** An offset of the application's choice. */
export interface ExplicitOffset {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  /** Of the topic that the offset belongs to; undefined: the brokers have no ids, or it is not known. */
  readonly topicId: string | undefined
  /** Of its partition at the call: an offset that is stored after a later seek does not hold back automatic commits. */
  readonly era: Era | undefined
}

/** The offset of one partition in a request. */
export interface CommitLine {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  readonly topicId: string | undefined
  readonly era: Era | undefined
  /** `progress.aheadCount`, where the metadata has what is processed above the offset. */
  readonly aheadCount?: number | undefined
}

interface Wait {
  readonly call: CommitCall
  /** What was to be committed at the time of the call. */
  readonly offset: number
}

/** A request failed because the coordinator does not have the topic: the metadata shows what that means. */
interface UnknownTopic {
  /** Of the first such failure, on `monoNow`. */
  readonly sinceMs: number
  /** The id in the request; undefined: it had the name. */
  readonly topicId: string | undefined
  readonly error: KafkaError
}

const tailDelayMs = 100

const goneHint = 'Do not commit it again: another member has the partition now, and starts at the last commit.'

/** What has to be committed for one partition, and the calls that wait for it. */
export class CommitEntry implements TopicPartition {
  readonly topic: string
  readonly partition: number
  #owner: AssignedPartition | undefined
  /** Undefined: the progress of the owner, as it is when the request is written. */
  #explicit: ExplicitOffset | undefined
  #waits: Wait[] = []
  /** An automatic commit, which no call waits for. */
  automatic = false
  /** The start that the reset policy chose. */
  start = false
  /** What follows the last commit and has no record. */
  #tail = false
  /** Not before, on `monoNow`: it failed. */
  dueMs = 0
  failures = 0
  /** When it was first sent, on `monoNow`; -1: not yet. */
  #triedMs = -1
  #unknownTopic: UnknownTopic | undefined
  #isChecking = false

  constructor({ topic, partition }: TopicPartition, owner?: AssignedPartition, explicit?: ExplicitOffset) {
    this.topic = topic
    this.partition = partition
    this.#owner = owner
    this.#explicit = explicit
  }

  /** The partition, where it is or was assigned to this consumer. */
  get owner(): AssignedPartition | undefined {
    return this.#owner
  }

  get isExplicit(): boolean {
    return this.#explicit !== undefined
  }

  /** The partition was revoked or lost since. */
  get isGone(): boolean {
    return this.#owner?.owned === false
  }

  get isAwaited(): boolean {
    return this.#waits.some(({ call }) => !call.isSettled)
  }

  get isWanted(): boolean {
    return this.automatic || this.start || this.#tail || this.isAwaited
  }

  /** It cannot wait for the outcome of a rebalance: the rebalance waits for it. */
  get isPressing(): boolean {
    return this.#owner?.revoking === true || this.#waits.some(({ call }) => !call.waitsForRebalance && !call.isSettled)
  }

  get isChecking(): boolean {
    return this.#isChecking
  }

  get unknownTopic(): UnknownTopic | undefined {
    return this.#unknownTopic
  }

  /** Whether a topic id is available for the request. */
  get hasTopicId(): boolean {
    return (this.#explicit === undefined ? this.#owner?.fetching.topicId : this.#explicit.topicId) !== undefined
  }

  /** Whether it was sent at least once. */
  get wasTried(): boolean {
    return this.#triedMs >= 0
  }

  join(call: CommitCall, offset: number): void {
    call.open()
    this.sendSoon()
    if (this.#waits[0]?.call.isSettled === true) this.#waits = this.#waits.filter((wait) => !wait.call.isSettled)
    this.#waits.push({ call, offset })
  }

  wantStart(): void {
    this.start = true
    this.sendSoon()
  }

  /** Sent after a moment: the next commit of the application usually follows, and includes it. */
  wantTail(nowMs: number): void {
    if (!this.isWanted) this.dueMs = Math.max(this.dueMs, nowMs + tailDelayMs)
    this.#tail = true
  }

  /** Does not wait for the next try of a start, only for the backoff of a transient failure. */
  sendSoon(): void {
    if (this.failures === 0) this.dueMs = 0
  }

  /** A later call replaces the offset; its earlier callers wait for the new one. */
  replace(explicit: ExplicitOffset, owner: AssignedPartition | undefined): void {
    this.#explicit = explicit
    this.#owner = owner
    this.dueMs = 0
    this.#unknownTopic = undefined
    this.#isChecking = false
  }

  /** Takes over what waits for an earlier entry of the partition, which failed. */
  absorb(earlier: CommitEntry): void {
    this.#waits = [...earlier.#waits, ...this.#waits]
    this.automatic ||= earlier.automatic
    this.start ||= earlier.start
    this.#tail ||= earlier.#tail
    this.dueMs = Math.max(this.dueMs, earlier.dueMs)
    this.failures = Math.max(this.failures, earlier.failures)
    this.#triedMs = earlier.#triedMs
    if (this.#explicit?.topicId !== earlier.#explicit?.topicId) return
    this.#unknownTopic = earlier.#unknownTopic
    this.#isChecking = earlier.#isChecking
  }

  /** The topic has this id now; the offset is meant for whatever topic has the name. */
  retarget(topicId: string | undefined): void {
    if (this.#explicit !== undefined) this.#explicit = { ...this.#explicit, topicId }
  }

  /** What to write; undefined: nothing, it is committed already. */
  line(namedOnly: boolean): CommitLine | undefined {
    if (this.#explicit !== undefined) return this.#explicit
    if (this.#owner === undefined) return undefined
    const { progress, fetching, era } = this.#owner
    const isTail = this.#tail && !this.automatic && !this.start && !this.isAwaited
    const position = isTail
      ? progress.uncommittedTail
      : (progress.pending(namedOnly) ?? (this.start ? progress.uncommittedStart : undefined))
    if (position === undefined) return undefined
    const { topicId } = fetching
    const line = { offset: position.offset, leaderEpoch: position.epoch, metadata: '', topicId, era }
    const { aheadCount } = progress
    if (aheadCount < 0 || progress.lowestUndone.offset !== position.offset) return line
    const place = { topic: this.topic, partition: this.partition, topicId }
    return { ...line, aheadCount, metadata: encodeAhead(place, position.offset, progress.doneAhead()) }
  }

  /** The broker stores no metadata of this length: the next commit has the offset alone. False for metadata of the application. */
  dropMetadata({ metadata }: CommitLine): boolean {
    if (this.#explicit !== undefined || this.#owner === undefined || metadata === '') return false
    this.#owner.progress.refuseAhead()
    return true
  }

  // ---- requests

  written(): void {
    for (const { call } of this.#waits) call.written()
  }

  responded(isUnknown: boolean): void {
    for (const { call } of this.#waits) call.responded(isUnknown)
  }

  tried(nowMs: number): void {
    if (this.#triedMs < 0) this.#triedMs = nowMs
  }

  /** For how long it has been tried without success. */
  failingMs(nowMs: number): number {
    return this.#triedMs < 0 ? 0 : nowMs - this.#triedMs
  }

  note(error: KafkaError): void {
    for (const { call } of this.#waits) call.note(error)
  }

  /** It waits until the metadata shows what became of the topic. */
  check(error: KafkaError, topicId: string | undefined, nowMs: number): void {
    this.#unknownTopic = { sinceMs: this.#unknownTopic?.sinceMs ?? nowMs, topicId, error }
    this.#isChecking = true
  }

  checked(): void {
    this.#isChecking = false
  }

  // ---- outcomes

  stored(line: CommitLine): void {
    this.#applyStored(line)
    this.settle()
  }

  #applyStored({ offset, era, aheadCount }: CommitLine): void {
    if (this.#owner === undefined || era?.ended === 'recreated') return
    const { progress } = this.#owner
    if (this.#explicit !== undefined && era === this.#owner.era) progress.storedExplicitly(offset)
    else progress.stored(offset, aheadCount)
  }

  settle(): void {
    for (const { call } of this.#take()) call.succeeded()
  }

  fail(error: KafkaError): void {
    for (const { call } of this.#take()) call.failed(error)
  }

  /** Rejects only the calls that cannot wait for a rebalance. */
  failImpatient(error: KafkaError): void {
    const failed = this.#waits.filter(({ call }) => !call.waitsForRebalance)
    this.#waits = this.#waits.filter(({ call }) => call.waitsForRebalance)
    for (const { call } of failed) call.failed(error)
  }

  /** The partition is no longer this consumer's: a commit could overwrite that of its next owner. */
  giveUp(groupId: string): void {
    const { committed } = this.#owner?.progress ?? { committed: -1 }
    for (const { call, offset } of this.#take()) {
      if (this.#explicit === undefined && committed >= offset) call.succeeded()
      else call.failed(this.#goneError(groupId, offset, committed, call))
    }
  }

  #take(): Wait[] {
    const waits = this.#waits
    this.#waits = []
    this.automatic = false
    this.start = false
    this.#tail = false
    return waits.filter(({ call }) => !call.isSettled)
  }

  #goneError(groupId: string, offset: number, committed: number, { outcome }: CommitCall): KafkaError {
    const { topic, partition } = this
    const stored =
      outcome === 'unknown'
        ? 'it is not known whether it was stored'
        : committed < 0
          ? 'nothing was committed by this consumer'
          : `the last committed offset is ${committed}`
    const place = `${describePartition(this)} (group '${groupId}')`
    const message = `${committing} failed: ${place} was given up before offset ${offset} was committed; ${stored}`
    const details = { topic, partition, offset: BigInt(offset), outcome, hint: goneHint }
    return new KafkaError('ILLEGAL_GENERATION', message, details)
  }
}

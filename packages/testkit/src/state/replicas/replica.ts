import { type ErrorName, errorCode } from '@ottla/codec'
import type { TopicSettings } from '../configs/topic-config.ts'
import type { PartitionImage } from '../metadata-view.ts'
import { type AppendDone, type AppendResult, AppendWaits } from './append-waits.ts'
import { type FollowerFetch, type FollowerFetched, follow } from './following.ts'
import { type IsrChange, type LagRules, LeaderState } from './leader-state.ts'
import { StorageError } from './log-files.ts'
import { type ReplicaPlace, untilDurable } from './log-storage.ts'
import { type ProducedBatch, placeBatch, producedBatchOf } from './produced-batch.ts'
import { producerCheck } from './producer-check.ts'
import { type ConsumerRead, checkOffset, divergence, type ReadCheck } from './read-checks.ts'
import type { ReplicaHost } from './replica-host.ts'
import { ReplicaLog } from './replica-log.ts'

const immediately = (done: (error: ErrorName) => void) => {
  done('NONE')
  return () => {}
}

export type RoleChange = 'gained' | 'lost' | 'none'

/** One replica of a partition on one broker: its log, and the leader's state while the broker is the leader. */
export class Replica {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly log: ReplicaLog
  #settings: TopicSettings
  readonly #host: ReplicaHost<Replica>
  readonly #waits = new AppendWaits()
  readonly #watchers = new Set<() => void>()
  #leader: LeaderState | undefined
  #leaderId = -1
  #leaderEpoch = -1
  #isDeleted = false

  constructor(host: ReplicaHost<Replica>, at: ReplicaPlace, settings: TopicSettings) {
    this.#host = host
    this.log = host.storage?.open(at) ?? new ReplicaLog()
    this.topic = at.topic
    this.topicId = at.topicId
    this.partition = at.partition
    this.#settings = settings
  }

  get settings(): TopicSettings {
    return this.#settings
  }

  get isLeader(): boolean {
    return this.#leader !== undefined
  }

  /** The leader's side; undefined on a follower. */
  get leadership(): LeaderState | undefined {
    return this.#leader
  }

  /** -1: none. */
  get leaderId(): number {
    return this.#leaderId
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  get logStartOffset(): number {
    return this.log.logStartOffset
  }

  get highWatermark(): number {
    return this.log.highWatermark
  }

  /** Records before it are decided: no open transaction has records below it. */
  get lastStableOffset(): number {
    return this.log.lastStableOffset
  }

  get logEndOffset(): number {
    return this.log.logEndOffset
  }

  /** Assumes the role that the controller assigned. */
  become(image: PartitionImage): RoleChange {
    if (image.leaderEpoch < this.#leaderEpoch) return 'none'
    const sameEpoch = image.leaderEpoch === this.#leaderEpoch
    if (sameEpoch && (this.#leader !== undefined || image.leader !== this.#host.brokerId)) {
      if (this.#leader?.addFollowers(image.replicas)) this.#host.wakeFollowers(this)
      this.acceptIsr(image.isr, image.partitionEpoch)
      return 'none'
    }
    const led = this.#leader !== undefined
    this.#leader = undefined
    this.#leaderId = image.leader
    this.#leaderEpoch = image.leaderEpoch
    if (image.leader === this.#host.brokerId) {
      this.#lead(image)
      return 'gained'
    }
    this.stepDown()
    return led ? 'lost' : 'none'
  }

  /** Topic or broker configs changed. */
  configure(settings: TopicSettings): void {
    this.#settings = settings
    this.#advance()
  }

  /** The broker died or is no longer the leader: waiting callers get NOT_LEADER_OR_FOLLOWER. */
  stepDown(): void {
    this.#leader = undefined
    this.#waits.fail('NOT_LEADER_OR_FOLLOWER')
    this.#notify()
  }

  /** The broker restarts with its log: the replica has no role until the metadata assigns one. */
  forgetRole(): void {
    this.stepDown()
    this.#leaderId = -1
    this.#leaderEpoch = -1
  }

  /** The topic was deleted. */
  delete(): void {
    this.#leader = undefined
    this.#isDeleted = true
    this.#waits.fail('UNKNOWN_TOPIC_OR_PARTITION')
    this.#notify()
    this.#host.storage?.remove(this)
  }

  // ---- the leader's side ---------------------------------------------------------------------------------------------

  /** Appends one batch. With `acksAll` it is rejected when too few replicas are in sync. */
  append(batch: ProducedBatch, { acksAll }: { readonly acksAll: boolean }): AppendResult {
    const leader = this.#leader
    if (leader === undefined) return { error: 'NOT_LEADER_OR_FOLLOWER', tellsLogStart: false }
    if (this.#host.isDiskFull) return { error: 'KAFKA_STORAGE_ERROR', tellsLogStart: false }
    if (acksAll && leader.isUnderMinIsr(this.#settings.minInsyncReplicas)) {
      return { error: 'NOT_ENOUGH_REPLICAS', tellsLogStart: true }
    }
    if (batch.producerId >= 0n) {
      const { runtime, producerExpirationMs } = this.#host
      this.log.producers.expire(runtime.tickNow(), producerExpirationMs, this.log.transactions.isProducerOpen)
      const seen = producerCheck(this.log, batch)
      if (seen !== undefined) return seen
    }
    const stored = placeBatch(batch, this.log.logEndOffset, leader.leaderEpoch)
    try {
      this.log.append(stored, this.#settings.segmentBytes, this.#settings)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      return { error: 'KAFKA_STORAGE_ERROR', tellsLogStart: false }
    }
    this.#advance()
    if (leader.followers.length > 0) {
      this.#host.wakeFollowers(this)
      this.#watchIsr()
    }
    return { error: undefined, baseOffset: stored.baseOffset, requiredOffset: stored.lastOffset + 1 }
  }

  /**
   * Calls `done` once: when the high watermark reaches `requiredOffset` (immediately if it did) and the writes are durable, or
   * when the leadership ends. Returns a function that cancels the wait; `done` is then not called.
   */
  awaitReplication(requiredOffset: number, done: (error: ErrorName) => void): () => void {
    return untilDurable(this.#host.storage, (replicated) => this.#awaitIsr(requiredOffset, replicated), done)
  }

  /** Calls `done` when the leader's writes are durable, regardless of replication: acks=1. */
  awaitWritten(done: (error: ErrorName) => void): () => void {
    return untilDurable(this.#host.storage, immediately, done)
  }

  #awaitIsr(requiredOffset: number, done: (error: ErrorName) => void): () => void {
    const outcome = this.#replicated(requiredOffset)
    if (outcome !== undefined) {
      done(outcome)
      return () => {}
    }
    return this.#waits.add(requiredOffset, done)
  }

  /**
   * Appends a coordinator's batch: one sealed record batch (magic 2), acks=all. The log owns the bytes from here on. `done` is
   * called once: synchronously on an error before the append, else when the high watermark has passed the batch, when the
   * leadership ends, or after `timeoutMs`.
   */
  appendAndReplicate(batch: Uint8Array, timeoutMs: number, done: (outcome: AppendDone) => void): void {
    const appended = this.append(producedBatchOf(batch), { acksAll: true })
    if (appended.error !== undefined) {
      done({ errorCode: errorCode(appended.error), baseOffset: -1 })
      return
    }
    const { baseOffset, requiredOffset } = appended
    const { runtime } = this.#host
    let stop: (() => void) | undefined
    const timer = runtime.setTimer(() => {
      stop?.()
      done({ errorCode: errorCode('REQUEST_TIMED_OUT'), baseOffset })
    }, timeoutMs)
    stop = this.awaitReplication(requiredOffset, (error) => {
      runtime.clearTimer(timer)
      done({ errorCode: errorCode(error), baseOffset })
    })
  }

  /** All whole batches of the log in order; a coordinator loads its state from them. */
  *batches(): Generator<Uint8Array> {
    for (const { bytes } of this.log.batches()) yield bytes
  }

  /** Serves a follower's fetch; its fetch offset also reports the follower's progress. */
  fetchForFollower(fetch: FollowerFetch): FollowerFetched {
    const { log } = this
    const fail = (error: ErrorName): FollowerFetched => ({
      kind: 'error',
      error,
      leaderStart: log.logStartOffset,
      leaderEnd: log.logEndOffset,
    })
    const epochError = this.epochError(fetch.leaderEpoch)
    if (epochError !== undefined) return fail(epochError)
    const follower = this.#leader?.follower(fetch.followerId)
    if (follower === undefined) return fail('NOT_LEADER_OR_FOLLOWER')
    const { fetchOffset } = fetch
    const diverged = divergence(log, fetchOffset, fetch.lastFetchedEpoch)
    if (diverged !== undefined) return diverged.kind === 'error' ? fail(diverged.error) : diverged
    if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) return fail('OFFSET_OUT_OF_RANGE')
    const batches =
      fetchOffset < log.logEndOffset
        ? log.read(fetchOffset, { upTo: log.logEndOffset, maxBytes: fetch.maxBytes, atLeastOne: true })
        : []
    this.#noteFollower(follower.id, fetchOffset, fetch.logStartOffset)
    return { kind: 'records', batches, highWatermark: log.highWatermark, logStartOffset: log.logStartOffset }
  }

  /** Applies an ISR from the controller's response or metadata. */
  acceptIsr(isr: readonly number[], partitionEpoch: number): void {
    if (this.#leader?.accept(isr, partitionEpoch) !== true) return
    this.reviewIsr()
    this.#watchIsr()
    this.#notify()
  }

  refuseIsr(change: IsrChange): void {
    this.#leader?.refuse(change)
  }

  /** Brokers started or stopped, or an ISR change was decided: advances the high watermark and wakes followers that may join. */
  reviewIsr(): void {
    const leader = this.#leader
    if (leader === undefined) return
    this.#advance()
    // A follower joins through its fetches.
    if (leader.mayGrow(this.#rules())) this.#host.wakeFollowers(this)
  }

  /** Proposes to remove followers that lag for too long; true while a replica of the ISR is behind. */
  shrinkIsr(): boolean {
    const leader = this.#leader
    if (leader === undefined) return false
    const change = leader.shrinkage(this.log.logEndOffset, this.#rules())
    if (change !== undefined) this.#propose(leader, change)
    return leader.hasLaggards(this.log.logEndOffset)
  }

  /** Deletes records before `offset` on the leader; followers do the same after their next fetch. */
  deleteRecords(offset: number): void {
    if (this.log.advanceLogStart(offset)) this.logStartMoved()
  }

  /** Passes the new log start offset on to followers and waiting callers. */
  logStartMoved(): void {
    this.#host.wakeFollowers(this)
    this.#notify()
  }

  /** The lowest log start offset among live replicas. */
  lowWatermark(): number {
    return (
      this.#leader?.lowWatermark(this.log.logStartOffset, (id) => this.#host.isAlive(id)) ?? this.log.logStartOffset
    )
  }

  // ---- the follower's side -------------------------------------------------------------------------------------------

  /** Applies the leader's response; true when the follower should fetch again immediately. */
  follow(fetched: FollowerFetched): boolean {
    const { hasMoved, fetchAgain } = follow(this.log, fetched, this.#settings)
    if (hasMoved) this.#notify()
    return fetchAgain
  }

  /** The error for a client with another leader epoch; checked before the leadership itself. -1: not checked. */
  epochError(currentLeaderEpoch: number): ErrorName | undefined {
    if (currentLeaderEpoch === -1 || currentLeaderEpoch === this.#leaderEpoch) return undefined
    return currentLeaderEpoch < this.#leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH'
  }

  /** Whether a consumer may read at an offset here; followers serve reads too, unless `leaderOnly` (KIP-392). */
  checkRead({ fetchOffset, currentLeaderEpoch, lastFetchedEpoch }: ConsumerRead, leaderOnly: boolean): ReadCheck {
    const epochError = this.epochError(currentLeaderEpoch)
    if (epochError !== undefined) return { kind: 'error', error: epochError }
    if (this.#isDeleted) return { kind: 'error', error: 'UNKNOWN_TOPIC_OR_PARTITION' }
    if (this.#leader === undefined && leaderOnly) return { kind: 'error', error: 'NOT_LEADER_OR_FOLLOWER' }
    return checkOffset(this.log, fetchOffset, lastFetchedEpoch)
  }

  /** True while a new leader's high watermark is below the start of its epoch (KIP-207). */
  get isHighWatermarkBehindEpoch(): boolean {
    return this.#leader !== undefined && this.#leader.epochStartOffset > this.log.highWatermark
  }

  /** Calls `listener` on a change of high watermark, leadership, log start offset or ISR, and on deletion. */
  watch(listener: () => void): void {
    this.#watchers.add(listener)
  }

  unwatch(listener: () => void): void {
    this.#watchers.delete(listener)
  }

  // ---- inside --------------------------------------------------------------------------------------------------------

  #lead(image: PartitionImage): void {
    const { log } = this
    this.#waits.fail('NOT_LEADER_OR_FOLLOWER')
    this.#leader = new LeaderState({
      brokerId: this.#host.brokerId,
      leaderEpoch: image.leaderEpoch,
      partitionEpoch: image.partitionEpoch,
      replicas: image.replicas,
      isr: image.isr,
      epochStartOffset: log.logEndOffset,
      nowMs: this.#host.runtime.monoNow(),
    })
    log.epochs.assign(image.leaderEpoch, log.logEndOffset)
    this.#advance()
    this.#host.wakeFollowers(this)
    this.#watchIsr()
    this.#notify()
  }

  #noteFollower(id: number, logEndOffset: number, logStartOffset: number): void {
    const leader = this.#leader
    const follower = leader?.follower(id)
    if (leader === undefined || follower === undefined) return
    const startMoved = follower.logStartOffset !== logStartOffset
    const nowMs = this.#host.runtime.monoNow()
    leader.noteFetch(follower, { logEndOffset, logStartOffset }, this.log.logEndOffset, nowMs)
    const change = leader.expansionFor(follower, this.log.highWatermark, this.#rules())
    if (change !== undefined) this.#propose(leader, change)
    this.#advance()
    if (startMoved) this.#notify()
  }

  #propose(leader: LeaderState, change: IsrChange): void {
    leader.propose(change)
    this.#host.proposeIsr(this, change)
  }

  /** Advances the high watermark as far as possible and settles the callers that wait for it. */
  #advance(): void {
    const leader = this.#leader
    if (leader === undefined) return
    const { minInsyncReplicas } = this.#settings
    const candidate = leader.highWatermarkCandidate(this.log.logEndOffset, minInsyncReplicas, this.#rules())
    if (!this.log.advanceHighWatermark(candidate)) return
    this.#waits.settle((requiredOffset) => this.#replicated(requiredOffset))
    this.#notify()
    if (leader.followers.length > 0) this.#host.wakeFollowers(this)
  }

  #watchIsr(): void {
    if (this.#leader?.hasLaggards(this.log.logEndOffset)) this.#host.watchIsr()
  }

  /** The outcome of acks=all for an offset; undefined while it is pending. */
  #replicated(requiredOffset: number): ErrorName | undefined {
    const leader = this.#leader
    if (leader === undefined) return 'NOT_LEADER_OR_FOLLOWER'
    if (this.log.highWatermark < requiredOffset) return undefined
    const enough = leader.maximalIsr.length >= leader.effectiveMinIsr(this.#settings.minInsyncReplicas)
    return enough ? 'NONE' : 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'
  }

  #rules(): LagRules {
    const { runtime, lagTimeMaxMs } = this.#host
    return { nowMs: runtime.monoNow(), lagMs: lagTimeMaxMs, isEligible: (id) => this.#host.isAlive(id) }
  }

  #notify(): void {
    for (const listener of [...this.#watchers]) listener()
  }
}

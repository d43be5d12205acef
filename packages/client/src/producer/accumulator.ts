import type { CodecSet } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import type { OwnConnections } from '../cluster/own-connections.ts'
import { soonReadyBackoffMs } from '../cluster/retry-backoff.ts'
import type { TopicInfo } from '../cluster/topology.ts'
import { asKafkaError, closedError, type KafkaError, type Outcome } from '../errors.ts'
import { DeadlineTimer } from '../runtime/deadline-timer.ts'
import { BufferBudget } from './buffer-budget.ts'
import { BufferSpace, spaceTimedOutError } from './buffer-space.ts'
import { type Call, PartsCall, type SendMany, type SendOne } from './calls.ts'
import { Compressor } from './compressor.ts'
import { Deadlines } from './deadlines.ts'
import { delayOf, timedOutError } from './delay.ts'
import { FlushBarrier, type Generation } from './flush-barrier.ts'
import type { IdentityPolicy, SendControl, TransactionPolicy } from './identity.ts'
import { LeaderTracker } from './leader-tracker.ts'
import type { ResolvedProducerOptions } from './options.ts'
import type { PartitionRecord } from './partition-record.ts'
import { noIdentity, type ProducerBatch } from './producer-batch.ts'
import type { ProducerCluster } from './producer-cluster.ts'
import { ProducerIdentities } from './producer-id.ts'
import { ProducerObserver } from './producer-observer.ts'
import type { PausablePartition, ProducerParts } from './producer-parts.ts'
import { failedResult, Receipt } from './receipt.ts'
import type { RecordEntry } from './record-input.ts'
import { checkSize } from './size.ts'
import type { Division } from './split-batch.ts'
import type { AwaitingRecord, TopicBuffer } from './topic-buffer.ts'
import { TopicDirectory } from './topic-directory.ts'
import { TopicLookup } from './topic-lookup.ts'
import { WriterPool } from './writer-pool.ts'

/** Above this many bytes the bound is computed exactly: with three bytes per character, batches would only be a third full. */
const roughUpTo = 2048
/** Of `maxBufferedBytes`, for writers that wait for the next batches: of partitions that fill slowly, each takes one. */
const pooledShare = 0.5

/** Holds accepted records until they are settled, by topic and partition, within one budget of bytes. */
export class Accumulator implements ProducerParts, SendControl {
  readonly options: ResolvedProducerOptions
  readonly runtime: Runtime
  readonly codecs: CodecSet
  readonly pool: WriterPool
  readonly compressor: Compressor
  readonly identities: IdentityPolicy | undefined
  readonly barrier = new FlushBarrier()
  readonly budget: BufferBudget
  readonly space: BufferSpace
  readonly observer: ProducerObserver
  readonly #cluster: ProducerCluster
  readonly #connections: OwnConnections
  readonly #closing = new AbortController()
  readonly #directory: TopicDirectory
  readonly #timer: DeadlineTimer
  readonly #deadlines: Deadlines
  readonly #leaders: LeaderTracker
  readonly #lookup: TopicLookup
  readonly #transaction: TransactionPolicy | undefined
  /** Those that wait until no request is in flight. */
  readonly #drained: (() => void)[] = []
  #flushes = 0

  constructor(cluster: ProducerCluster, options: ResolvedProducerOptions, transaction?: TransactionPolicy) {
    this.#cluster = cluster
    this.#transaction = transaction
    this.#connections = cluster.ownConnections()
    this.options = options
    this.runtime = cluster.runtime
    this.codecs = cluster.options.codecs
    this.pool = new WriterPool(options.maxBatchBytes, options.maxBufferedBytes * pooledShare)
    this.compressor = new Compressor(cluster.runtime, { ...noIdentity, transactional: options.transactional })
    this.budget = new BufferBudget(options.maxBufferedBytes)
    this.space = new BufferSpace({
      maxBytes: options.maxBufferedBytes,
      bufferedBytes: () => this.budget.usedBytes,
      defer: (callback) => cluster.runtime.defer(callback),
    })
    this.#timer = new DeadlineTimer(cluster.runtime)
    this.#deadlines = new Deadlines(options, this.#timer, (batch) => this.#expire(batch))
    this.#timer.add((nowMs) => this.space.expire(nowMs, () => this.#spaceTimedOut()))
    this.#directory = new TopicDirectory(cluster, this, this.#timer)
    this.observer = new ProducerObserver(cluster, this.#connections.owner, options.interceptors, {
      bufferedBytes: () => this.budget.usedBytes,
      unsettledBatches: () => this.#deadlines.unsettledCount,
      inFlight: () => this.#leaders.inFlight,
    })
    this.#leaders = new LeaderTracker(cluster, this.#directory.topics, this.#timer, {
      cluster,
      options,
      purpose: this.#connections.purpose('produce'),
      pool: this.pool,
      transaction,
      ended: () => this.#checkDrained(),
      observer: this.observer,
    })
    this.#lookup = new TopicLookup(cluster, options, this.#closing.signal, {
      found: (topic, info) => this.#applyTopic(topic, info),
      checked: (topic, count) => this.#appendAwaiting(topic, count),
      failed: (topic, error, fails) => this.#failAwaiting(topic, error, fails),
      ended: (topic) => {
        // Perhaps a misspelt name: it is not requested with each refresh from now on.
        if (topic.partitions.length === 0) this.#directory.forget(topic)
      },
    })
    this.identities = transaction ?? this.#createIdentities()
    transaction?.attach(this)
  }

  #createIdentities(): ProducerIdentities | undefined {
    const { options } = this
    if (!options.idempotent) return undefined
    return new ProducerIdentities(this.#cluster, {
      timeoutMs: options.deliveryTimeoutMs,
      closing: this.#closing.signal,
      onReady: () => this.resume(),
      onFailed: (error) => this.#failUnsent(error),
      onRetired: (previous, current) => this.observer.identityChanged(previous, current),
    })
  }

  /** Whether a record is accepted without waiting: there is space, and no call waits for it. */
  get isFree(): boolean {
    return this.budget.hasSpace && !this.space.isUnderBackpressure
  }

  get bufferedBytes(): number {
    return this.budget.usedBytes
  }

  get isFlushing(): boolean {
    return this.#flushes > 0 || this.space.isUnderBackpressure
  }

  /** Measures a large entry exactly; throws MESSAGE_TOO_LARGE. */
  measure(entry: RecordEntry): void {
    if (entry.sizeBound <= roughUpTo) return
    checkSize(entry.tighten(), this.options.maxRequestBytes, entry)
  }

  /** Accepts a measured record; what fails settles it. The entry is not used after the call. */
  add(entry: RecordEntry, call: Call | undefined, position: number, generation: Generation): void {
    const topic = this.#directory.of(entry.topic)
    if (!topic.isOpenTo(entry.partition)) {
      this.#await(topic, entry, call, position, generation)
      return
    }
    try {
      this.#append(topic, entry, entry.partition, call, position, generation)
    } catch (error) {
      this.refuse(topic.name, asKafkaError(error, 'Producing'), call, position)
    }
  }

  #append(
    topic: TopicBuffer,
    entry: PartitionRecord,
    wanted: number | undefined,
    call: Call | undefined,
    position: number,
    generation: Generation,
  ): void {
    const partition = topic.partitionFor(entry, wanted)
    partition.append(entry, call, position, generation)
    if (wanted === undefined) topic.appended(partition)
    else if (partition.open !== undefined) partition.open.explicit = true
  }

  #await(
    topic: TopicBuffer,
    entry: RecordEntry,
    call: Call | undefined,
    position: number,
    generation: Generation,
  ): void {
    const nowMs = this.runtime.monoNow()
    const owned = entry.owned(nowMs)
    const sizeBound = owned.tighten()
    const { key, value, headers, timestampMs, partition, acceptedMs = nowMs } = owned
    const record = { key, value, headers, timestampMs, sizeBound, acceptedMs }
    topic.awaiting.push({ ...record, partition, call, position, generation })
    if (call !== undefined) call.pending++
    this.budget.addWaiting(record, call, topic.awaiting.size)
    this.barrier.enter(generation)
    if (topic.lookingUp) return
    const cached = topic.known ? undefined : this.#cluster.topic(topic.name)
    if (cached !== undefined && cached.partitions.length > 0) this.#applyTopic(topic, cached, 0)
    if (topic.awaiting.size > 0) this.#lookup.begin(topic)
  }

  /** The partitions are known: appends the records that waited for them, in their order, as `#appendAwaiting` says. */
  #applyTopic(topic: TopicBuffer, info: TopicInfo, checked = topic.awaiting.size): void {
    topic.update(info)
    this.#leaders.assign(topic)
    topic.known = true
    this.#appendAwaiting(topic, checked)
  }

  /** Appends the first ones, or refuses them; those after them only until one names a partition that is still lacking. */
  #appendAwaiting(topic: TopicBuffer, count: number): void {
    for (let at = 0; topic.awaiting.size > 0; at++) {
      if (at >= count && topic.lacks(topic.awaiting.peek()?.partition)) break
      const entry = topic.awaiting.shift()!
      const { partition, call, position, generation } = entry
      this.budget.removeWaiting(entry, call, topic.awaiting.size)
      try {
        this.#append(topic, entry, partition, call, position, generation)
      } catch (error) {
        this.refuse(topic.name, asKafkaError(error, 'Producing'), call, position)
      }
      call?.arrived()
      this.barrier.leave(generation)
    }
    this.space.release()
  }

  /** Fails the first ones, up to one that need not fail. */
  #failAwaiting(topic: TopicBuffer, error: KafkaError, fails: (entry: AwaitingRecord) => boolean = () => true): void {
    for (let entry = topic.awaiting.peek(); entry !== undefined && fails(entry); entry = topic.awaiting.peek()) {
      topic.awaiting.shift()
      this.#failOne(topic, entry, error)
    }
    this.space.release()
  }

  #failOne({ name, awaiting }: TopicBuffer, entry: AwaitingRecord, error: KafkaError): void {
    this.budget.removeWaiting(entry, entry.call, awaiting.size)
    this.refuse(name, error, entry.call, entry.position)
    entry.call?.arrived()
    this.barrier.leave(entry.generation)
  }

  /** The caller does not want a call any more: what was never sent of it is taken out, and settles with the error. */
  withdraw(call: SendOne | SendMany, error: KafkaError): void {
    for (const topic of this.#directory.topics.values()) {
      for (const entry of topic.takeAwaiting(call)) this.#failOne(topic, entry, error)
    }
    call.withdraw(error)
    this.space.release()
  }

  /** Settles a record that was appended to no batch. */
  refuse(topic: string, error: KafkaError, call: Call | undefined, position: number): void {
    this.#transaction?.failed(error)
    this.observer.refused(topic, error, call === undefined)
    if (call === undefined) return
    const result = failedResult(topic, error)
    call.pending++
    call.accepted(new Receipt(result, 0, 0), position)
    // Not within the call of `send` or `enqueue`.
    queueMicrotask(() => call.settled(result))
  }

  start(batch: ProducerBatch): void {
    this.budget.begin(batch)
    this.barrier.enter(batch.generation)
    this.#deadlines.begin(batch)
  }

  settle(batch: ProducerBatch, error: KafkaError | undefined): void {
    if (batch.settled) return
    batch.settled = true
    batch.result.error = error
    this.compressor.drop(batch)
    this.#deadlines.end(batch)
    if (this.#transaction !== undefined) {
      const { failure } = batch.result
      if (failure !== undefined) this.#transaction.failed(failure)
    }
    this.budget.remove(batch)
    // Calls that wait for space come before those that continue after this result.
    this.space.release()
    this.observer.settled(batch, error)
    batch.settleCalls()
    this.barrier.leave(batch.generation)
  }

  divide(batch: ProducerBatch, { batches, results, rejected }: Division): void {
    this.observer.moved(batch)
    this.#deadlines.end(batch)
    batch.result.parts = results
    if (rejected > 0) this.observer.rejected(batch, rejected)
    const whole = new PartsCall(batches.length, () => this.settle(batch, undefined))
    for (const part of batches) {
      part.calls.push(whole)
      this.start(part)
    }
  }

  detach(batch: ProducerBatch): void {
    this.observer.moved(batch)
    this.compressor.drop(batch)
    this.#deadlines.end(batch)
    this.budget.remove(batch)
  }

  leaderMissing(partition: PausablePartition): void {
    if (this.#deadlines.isPaused(partition)) return
    this.#leaders.missing(partition)
    partition.retryAt(this.runtime.monoNow() + this.backoffMs(partition.failures))
  }

  scheduleAt(partition: PausablePartition, atMs: number): void {
    this.#deadlines.pause(partition, atMs)
  }

  backoffMs(failures: number, error?: KafkaError): number {
    return soonReadyBackoffMs(this.#cluster, failures + 1, error)
  }

  #spaceTimedOut(): KafkaError {
    const error = spaceTimedOutError(this.options)
    this.#transaction?.failed(error)
    return error
  }

  #expire(batch: ProducerBatch): void {
    const reason = delayOf(batch, this.runtime.monoNow())
    const identityError = this.identities?.lastError
    const errorOf = (outcome: Outcome) =>
      timedOutError(batch, this.options.deliveryTimeoutMs, { reason, outcome, identityError })
    batch.partition.drop(batch, errorOf)
  }

  #failUnsent(error: KafkaError): void {
    this.#dropAll((outcome) => error.with({ outcome }))
  }

  resume(): void {
    for (const topic of this.#directory.topics.values()) for (const partition of topic.partitions) partition.schedule()
  }

  #dropAll(errorOf: (outcome: Outcome) => KafkaError): void {
    for (const topic of this.#directory.topics.values()) {
      for (const partition of topic.partitions) partition.dropWaiting(errorOf)
    }
  }

  /** Sends all batches that linger, to make space. */
  endLingers(): void {
    this.#deadlines.endLingers()
  }

  /** Sets a deadline for a call that waits for space. */
  wakeBy(atMs: number): void {
    this.#timer.wakeBy(atMs)
  }

  /** Resolves when everything accepted before is settled, acknowledged or failed. */
  async flush(): Promise<void> {
    this.#flushes++
    this.endLingers()
    try {
      await this.barrier.flush()
    } finally {
      this.#flushes--
    }
  }

  /** Resolves when no request is in flight. Each ends at `requestTimeoutMs`. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained.push(resolve)
      this.#checkDrained()
    })
  }

  #checkDrained(): void {
    if (this.#drained.length === 0 || this.#leaders.inFlight > 0) return
    for (const resolve of this.#drained.splice(0)) resolve()
  }

  rejectAll(errorOf: (outcome: Outcome) => KafkaError): void {
    this.space.refuseAll(errorOf('not-written'))
    for (const topic of this.#directory.topics.values()) this.#failAwaiting(topic, errorOf('not-written'))
    this.#dropAll(errorOf)
    for (const batch of this.#deadlines.unsettled) batch.partition.drop(batch, errorOf)
  }

  /** Rejects everything that is left, and stops. */
  close(): void {
    this.#closing.abort(closedError('producer'))
    this.rejectAll((outcome) => closedError('producer', outcome))
    this.compressor.close()
    this.#timer.stop()
    this.#leaders.close()
    this.#connections.close()
    this.observer.close()
    this.#directory.close()
  }
}

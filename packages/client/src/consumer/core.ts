import type { Runtime } from '@ottla/runtime'
import { EventEmitter } from 'eventemitter3'
import type { ConnectionPurpose } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import {
  abortedError,
  asKafkaError,
  closedError,
  describePartition,
  KafkaError,
  noSuchPartition,
  optionError,
} from '../errors.ts'
import type { GroupIdentity, Membership } from '../group/membership.ts'
import type { Counter } from '../metrics.ts'
import { deferred, handled } from '../runtime/deferred.ts'
import { onAbort, waitAtMost } from '../runtime/wait.ts'
import type { Committer } from './committer.ts'
import { Cursor, CursorMap } from './cursor.ts'
import type { ConsumerEventMap } from './events.ts'
import type { FetchedBatch } from './fetched-batch.ts'
import { MessageBatch } from './message.ts'
import { MissingTopics } from './missing-topics.ts'
import { OffsetLookup } from './offsets.ts'
import type { ResolvedConsumerOptions } from './options.ts'
import type { ConsumerParts } from './parts.ts'
import type { Positions } from './positions.ts'
import { corrupt, Prefetch } from './prefetch.ts'
import type { ProcessingWatchdog } from './processing-watchdog.ts'
import { busyError } from './reader.ts'
import type { Assignment } from './rebalance.ts'
import type { RunnerHost } from './runner.ts'
import type { Source } from './source.ts'
import { Subscription } from './subscription.ts'
import { TimeSlice } from './time-slice.ts'
import {
  createAssignment,
  createCommitter,
  createMembership,
  createPositions,
  createSource,
  createWatchdog,
  identityOf,
  register,
} from './wiring.ts'

/** For the last commit and for leaving the group after a failure, in the background. */
const failedLeaveMs = 10_000

let consumerCount = 0

/** The parts of one consumer, its lifecycle, and what readers see of it. `Consumer` is the public API. */
export class ConsumerCore implements ConsumerParts, RunnerHost {
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly options: ResolvedConsumerOptions
  readonly fetchPurpose: ConnectionPurpose
  readonly latePurpose: ConnectionPurpose
  readonly groupPurpose: ConnectionPurpose
  readonly heartbeatPurpose: ConnectionPurpose
  readonly events = new EventEmitter<ConsumerEventMap>()
  readonly cursors = new CursorMap()
  readonly lookup: OffsetLookup
  readonly subscription: Subscription
  readonly missing: MissingTopics
  readonly prefetch: Prefetch
  readonly source: Source
  readonly membership: Membership | undefined
  readonly committer: Committer
  readonly positions: Positions
  readonly assignment: Assignment
  readonly mark: boolean
  readonly #watch: ProcessingWatchdog
  readonly #slice: TimeSlice
  readonly #closing = new AbortController()
  readonly #started = deferred<void>()
  #state: 'idle' | 'running' | 'closing' | 'closed' = 'idle'
  #fatal: KafkaError | undefined
  #reader: object | undefined
  #releaseSignal: (() => void) | undefined
  #releases: (() => void)[] = []
  #closeTimeoutMs = Infinity
  #uncommitted = 0
  readonly #batches: Counter
  readonly #records: Counter
  readonly #bytes: Counter

  constructor(cluster: Cluster, options: ResolvedConsumerOptions) {
    const name = `${cluster.options.clientId}-${++consumerCount}`
    this.cluster = cluster
    this.runtime = cluster.runtime
    this.options = options
    this.fetchPurpose = `fetch:${name}`
    this.latePurpose = `fetch:${name}/late`
    this.groupPurpose = `coordinator:${name}`
    this.heartbeatPurpose = `heartbeat:${name}`
    this.mark = options.commit.mark
    this.#batches = cluster.metrics.counter('consumer.batches')
    this.#records = cluster.metrics.counter('consumer.records')
    this.#bytes = cluster.metrics.counter('consumer.bytes')
    this.lookup = new OffsetLookup(cluster, options.isolation)
    this.subscription = new Subscription(cluster, options.topics)
    this.missing = new MissingTopics(cluster, this.subscription)
    this.prefetch = new Prefetch({
      checkCrcs: options.checkCrcs,
      maxDecompressedBytes: options.maxDecompressedBytes,
      codecs: cluster.options.codecs,
      onDrained: (cursor) => this.source.wake(cursor),
    })
    this.source = createSource(this)
    this.membership = createMembership(this)
    this.committer = createCommitter(this)
    this.positions = createPositions(this)
    this.assignment = createAssignment(this)
    this.#watch = createWatchdog(this)
    this.#slice = new TimeSlice(this.runtime)
    handled(this.#started.promise)
    for (const { topic, partition, offset } of options.assign) {
      if (this.cursors.get(topic, partition) !== undefined) {
        throw optionError('assign', 'kafka.consumer()', `contains ${describePartition({ topic, partition })} twice`)
      }
      const cursor = new Cursor(topic, partition)
      cursor.start = offset
      this.cursors.add(cursor)
    }
  }

  get state(): 'idle' | 'running' | 'closing' | 'closed' {
    return this.#state
  }

  get fatal(): KafkaError | undefined {
    return this.#fatal
  }

  /** Aborts when the consumer is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  get identity(): GroupIdentity {
    return identityOf(this)
  }

  /** Resolves with the first assignment. */
  get started(): Promise<void> {
    return this.#started.promise
  }

  /** Time for running handlers; when closing, half of the time is left for the commit. */
  get graceMs(): number {
    return Math.min(this.options.revokeGraceMs, this.#closeTimeoutMs / 2)
  }

  /** Joins the group, or starts the assigned partitions. Called by the first reader. */
  start(): void {
    if (this.#fatal !== undefined) throw this.#fatal
    if (this.#state === 'closing' || this.#state === 'closed') throw closedError('consumer')
    if (this.#state === 'running') return
    this.#state = 'running'
    this.#slice.restart()
    this.#releases = register(this)
    this.committer.start()
    this.#watch.start()
    if (this.membership === undefined) void this.#startAssigned()
    else this.membership.start()
  }

  async #startAssigned(): Promise<void> {
    const { assign } = this.options
    const signal = this.closing
    try {
      const topics = [...new Set(assign.map(({ topic }) => topic))]
      this.subscription.watch(topics)
      const found = await Promise.all(topics.map((topic) => this.cluster.awaitTopic(topic, { signal })))
      const counts = new Map(found.map(({ name, partitions }) => [name, partitions.length]))
      for (const { topic, partition } of assign) {
        const count = counts.get(topic) ?? 0
        if (partition < count) continue
        const place = { topic, partition }
        throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', noSuchPartition(place, count), { ...place, fatal: true })
      }
      await this.assignment.begin([...this.cursors.all])
      this.assigned()
    } catch (error) {
      if (!signal.aborted) this.fail(asKafkaError(error, 'Starting the assigned partitions'))
    }
  }

  assigned(): void {
    this.#started.resolve()
  }

  // ---- for readers -------------------------------------------------------------------------------------------------

  acquire(reader: object, signal: AbortSignal | undefined): void {
    if (this.#reader !== undefined) throw busyError()
    this.start()
    this.#reader = reader
    this.#releaseSignal = onAbort(signal, () => this.prefetch.wake())
  }

  release(reader: object): void {
    if (this.#reader !== reader) return
    this.#reader = undefined
    this.#releaseSignal?.()
    this.#releaseSignal = undefined
  }

  async nextBatch(signal: AbortSignal | undefined): Promise<FetchedBatch<Cursor> | undefined> {
    for (;;) {
      if (this.#fatal !== undefined) throw this.#fatal
      if (this.#state !== 'running') return undefined
      if (signal?.aborted) throw abortedError('Reading', signal)
      // Before the other partitions: a busy one could hide the failure for ever.
      const failure = this.prefetch.takeFailure()
      if (failure !== undefined) throw failure
      const batch = this.take()
      if (batch !== undefined) return batch
      await this.prefetch.wait()
      this.#slice.restart()
    }
  }

  take(): FetchedBatch<Cursor> | undefined {
    if (this.#state !== 'running' || this.#fatal !== undefined || this.prefetch.failing) return undefined
    const batch = this.prefetch.take()
    if (batch !== undefined) {
      this.#batches.add(1)
      this.#records.add(batch.batch.recordCount)
      this.#bytes.add(batch.batch.bytes.length)
    }
    return batch
  }

  finish(batch: FetchedBatch<Cursor>): void {
    if (batch.assignmentEpoch === batch.cursor.assignmentEpoch) batch.cursor.positionEpoch = batch.leaderEpoch
    this.prefetch.finish(batch)
  }

  putBack(batch: FetchedBatch<Cursor>): void {
    this.prefetch.putBack(batch)
  }

  corrupt(batch: FetchedBatch<Cursor>, cause: unknown): void {
    if (batch.assignmentEpoch === batch.cursor.assignmentEpoch)
      this.prefetch.fail(batch.cursor, corrupt(batch.cursor, cause))
  }

  slice(): boolean {
    return this.#slice.take()
  }

  async pause(): Promise<void> {
    await this.#slice.rest()
    this.membership?.checkSession()
  }

  counted(items: number): void {
    const { count } = this.options.commit
    if (count === Infinity) return
    this.#uncommitted += items
    if (this.#uncommitted < count) return
    this.#uncommitted = 0
    this.committer.autoNow()
  }

  async commitBatch(batch: MessageBatch): Promise<void> {
    const { cursor, assignmentEpoch, end, leaderEpoch } = MessageBatch.placeOf(batch)
    this.markDone(cursor, assignmentEpoch, end, leaderEpoch)
    await this.committer.commit(this.committer.pending(this.cursors.all))
  }

  /** Throws when the partition was revoked: another member continues from the last commit. */
  markDone(cursor: Cursor, assignmentEpoch: number, end: number, leaderEpoch: number): void {
    if (assignmentEpoch === cursor.assignmentEpoch && cursor.owned) {
      cursor.markDone(end, leaderEpoch)
      return
    }
    const { topic, partition } = cursor
    const place = describePartition({ topic, partition, offset: end - 1 })
    const message = `Cannot mark ${place} as done: the partition was revoked or repositioned after this message was read`
    const hint = 'Skip it: the member that has the partition now reads it again.'
    throw new KafkaError('INVALID_STATE', message, { topic, partition, offset: BigInt(end - 1), hint })
  }

  wake(): void {
    this.prefetch.wake()
  }

  onRetry(place: Parameters<RunnerHost['onRetry']>[0]): void {
    this.emit('retry', { ...place, offset: BigInt(place.offset) })
  }

  /** Number of records between the positions and the ends of the partitions, as of the last fetches. */
  lag(): number {
    let lag = 0
    for (const { highWatermark, position } of this.cursors.all) {
      if (highWatermark >= 0 && position >= 0) lag += Math.max(0, highWatermark - position)
    }
    return lag
  }

  emit<E extends keyof ConsumerEventMap>(event: E, ...data: Parameters<ConsumerEventMap[E]>): void {
    for (const listener of this.events.listeners(event)) {
      try {
        ;(listener as (...given: unknown[]) => void)(...data)
      } catch (error) {
        this.cluster.logger.error('an event listener failed', { event, error: String(error) })
      }
    }
  }

  // ---- the end -----------------------------------------------------------------------------------------------------

  /** A fatal error: the reader and every later call reject with it, and other members get the partitions. */
  fail(error: KafkaError): void {
    if (this.#fatal !== undefined || this.#state === 'closing' || this.#state === 'closed') return
    this.#fatal = error
    this.cluster.logger.error('the consumer stopped', { error: error.message })
    this.#started.reject(error)
    this.#watch.stop()
    this.committer.stop()
    this.source.close()
    this.prefetch.wake()
    void this.membership?.leave({ timeoutMs: failedLeaveMs, reason: 'the consumer failed' })
  }

  /** Leaves the group because the application makes no progress, so that other members get the partitions. */
  evict(error: KafkaError): void {
    if (this.membership === undefined) return
    const reason = 'an item took longer than maxProcessingMs'
    void this.membership.leave({ timeoutMs: failedLeaveMs, reason, always: true })
    this.fail(error)
  }

  async close(timeoutMs: number): Promise<void> {
    const began = this.#state
    this.#state = 'closing'
    this.#closeTimeoutMs = timeoutMs
    this.prefetch.wake()
    if (began === 'running') await this.#leaveCleanly(timeoutMs)
    this.#started.reject(closedError('consumer'))
    this.committer.close()
    this.source.close()
    this.#closing.abort(closedError('consumer'))
    for (const release of this.#releases) release()
    this.#releases = []
    this.subscription.close()
    this.missing.stop()
    this.#watch.stop()
    for (const broker of this.cluster.brokers()) {
      for (const purpose of [this.fetchPurpose, this.latePurpose, this.groupPurpose]) broker.closeConnection(purpose)
    }
    this.#state = 'closed'
    this.prefetch.wake()
    this.emit('closed')
    this.events.removeAllListeners()
  }

  /** Stops in the order of a revocation. Bounded, whatever handlers and brokers do. */
  async #leaveCleanly(timeoutMs: number): Promise<void> {
    this.committer.stop()
    const given = Array.from(this.cursors.all, ({ topic, partition }) => ({ topic, partition }))
    if (this.membership !== undefined) {
      await this.membership.leave({ timeoutMs, reason: 'the consumer is closing' })
    } else if (given.length > 0) {
      await waitAtMost(this.runtime, timeoutMs, this.assignment.revoke(given, this.graceMs))
    }
    // Partitions that were not released by the deadline.
    for (const cursor of [...this.cursors.all]) {
      cursor.assignmentEpoch++
      cursor.owned = false
      cursor.refresh()
      cursor.abort(closedError('consumer'))
      this.cursors.delete(cursor)
    }
  }
}

import type { Runtime, Timer } from '@ottla/codec/runtime'
import { EventEmitter } from 'eventemitter3'
import type { Lane } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { abortedError, asKafkaError, closedError, invalidOption, KafkaError } from '../errors.ts'
import { ClassicMembership } from '../group/classic.ts'
import type { GroupIdentity, Membership, RebalanceInfo, TopicPartition } from '../group/membership.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { deferred, handled } from '../runtime/deferred.ts'
import { Committer } from './committer.ts'
import { Cursor, CursorMap } from './cursor.ts'
import type { ConsumerEventMap } from './events.ts'
import type { FetchedBatch } from './fetched-batch.ts'
import { MessageBatch } from './message.ts'
import { OffsetLookup } from './offsets.ts'
import type { ResolvedConsumerOptions } from './options.ts'
import { Positions } from './positions.ts'
import { corrupt, Prefetch } from './prefetch.ts'
import { busyError } from './reader.ts'
import { Assignment } from './rebalance.ts'
import type { RunnerHost } from './runner.ts'
import { Source } from './source.ts'
import { Subscription } from './subscription.ts'

/** Synchronous work in one go: longer would hold up heartbeats and the application's own server. */
const sliceMs = 5
/** The clock is read once in so many items. */
const itemsPerLook = 32

/** How often, at least, items are looked at for having been out too long: in so many parts of the limit. */
const watchParts = 5
const longestWatchMs = 30_000

/** How often the brokers are asked for topics that do not exist yet: first after so long, then less and less often. */
const missingTopics = { firstMs: 250, maxMs: 5_000 }

let consumerCount = 0

/** The parts of one consumer and what goes between them. The public face is `Consumer`. */
export class ConsumerCore implements RunnerHost {
  readonly cluster: Cluster
  readonly runtime: Runtime
  readonly options: ResolvedConsumerOptions
  readonly events = new EventEmitter<ConsumerEventMap>()
  readonly cursors = new CursorMap()
  readonly prefetch: Prefetch
  readonly source: Source
  readonly committer: Committer
  readonly positions: Positions
  readonly assignment: Assignment
  readonly lookup: OffsetLookup
  readonly mark: boolean
  readonly #subscription: Subscription
  readonly #membership: Membership | undefined
  readonly #closing = new AbortController()
  readonly #fetchLane: Lane
  readonly #groupLane: Lane
  readonly #started = deferred<void>()
  #state: 'idle' | 'running' | 'closing' | 'closed' = 'idle'
  #reader: object | undefined
  #fatal: KafkaError | undefined
  #releases: (() => void)[] = []
  #watch: Timer | undefined
  #missing: Timer | undefined
  #missingAsked = 0
  #closeTimeoutMs = Infinity
  readonly #seen = new Map<Cursor, { end: number; sinceMs: number; told: boolean }>()
  #items = 0
  #sliceStartMs = 0
  #pauseDue = false
  #uncommitted = 0

  constructor(cluster: Cluster, options: ResolvedConsumerOptions) {
    const name = `${cluster.options.clientId}-${++consumerCount}`
    this.cluster = cluster
    this.runtime = cluster.runtime
    this.options = options
    this.mark = options.commit.mark
    this.#fetchLane = `fetch:${name}`
    this.#groupLane = `coordinator:${name}`
    this.#subscription = new Subscription(cluster, options.topics)
    this.lookup = new OffsetLookup(cluster, options.isolation)
    this.prefetch = new Prefetch({
      checkCrcs: options.checkCrcs,
      maxDecompressedBytes: options.maxDecompressedBytes,
      onDrained: (cursor) => this.source.wake(cursor),
    })
    this.source = new Source(cluster, this.#sourceOptions(), this.prefetch, this.cursors)
    this.#membership =
      options.groupId === undefined || options.topics.length === 0 ? undefined : this.#createMembership(options.groupId)
    this.committer = new Committer(cluster, options.commit, this.#committerHost())
    this.positions = new Positions(this.lookup, this.prefetch, this.#positionsHost(), this.#closing.signal)
    this.assignment = new Assignment({
      runtime: this.runtime,
      options,
      cursors: this.cursors,
      prefetch: this.prefetch,
      committer: this.committer,
      positions: this.positions,
      changed: () => this.source.update(),
      watch: (topics) => this.#subscription.watch(topics),
      onHookFailed: (error) => this.fail(error),
      onCommitFailed: (error) => this.emit('commitFailed', { error: asKafkaError(error, 'Committing offsets') }),
    })
    handled(this.#started.promise)
    for (const { topic, partition, offset } of options.assign) {
      if (this.cursors.get(topic, partition) !== undefined)
        throw invalidOption(`consumer: option 'assign' names topic '${topic}' partition ${partition} twice`)
      const cursor = new Cursor(topic, partition)
      cursor.start = offset
      this.cursors.add(cursor)
    }
  }

  get state(): 'idle' | 'running' | 'closing' | 'closed' {
    return this.#state
  }

  get identity(): GroupIdentity {
    const { groupId, instanceId } = this.options
    return (
      this.#membership?.identity ?? {
        groupId: groupId ?? '',
        memberId: '',
        generation: -1,
        instanceId: instanceId ?? null,
      }
    )
  }

  /** Resolves when the first assignment is in. */
  get started(): Promise<void> {
    return this.#started.promise
  }

  /** Joins the group, or takes on the assigned partitions. The first reader does it. */
  start(): void {
    if (this.#fatal !== undefined) throw this.#fatal
    if (this.#state === 'closing' || this.#state === 'closed') throw closedError('the consumer')
    if (this.#state === 'running') return
    this.#state = 'running'
    this.#sliceStartMs = this.runtime.monoNow()
    this.#register()
    this.committer.start()
    this.#scheduleWatch()
    if (this.#membership === undefined) void this.#startAssigned()
    else this.#membership.start()
  }

  async #topics(): Promise<readonly string[]> {
    const topics = await this.#subscription.topics(this.#closing.signal)
    this.#lookForMissing()
    return topics
  }

  /** A topic that does not exist may be misspelt, or about to be created: said once, then looked for. */
  #lookForMissing(): void {
    const missing = this.#subscription.missing()
    if (missing.length === 0 || this.#missing !== undefined || this.#state !== 'running') return
    if (this.#missingAsked++ === 0) {
      this.cluster.logger.warn('subscribed topics do not exist; they are read once they are created', {
        topics: missing,
      })
    }
    this.#missing = this.runtime.setTimer(
      () => {
        const ask = this.cluster.refreshMetadata('a subscribed topic does not exist yet', missing)
        const next = (): void => {
          this.#missing = undefined
          this.#lookForMissing()
        }
        ask.then(next, next)
      },
      backoffMs(this.runtime, this.#missingAsked, missingTopics),
    )
  }

  async #startAssigned(): Promise<void> {
    const { assign } = this.options
    const { signal } = this.#closing
    try {
      const topics = [...new Set(assign.map(({ topic }) => topic))]
      this.#subscription.watch(topics)
      const found = await Promise.all(topics.map((topic) => this.cluster.awaitTopic(topic, { signal })))
      const counts = new Map(found.map(({ name, partitions }) => [name, partitions.length]))
      for (const { topic, partition } of assign) {
        const count = counts.get(topic) ?? 0
        if (partition < count) continue
        throw new KafkaError(
          'UNKNOWN_TOPIC_OR_PARTITION',
          `topic '${topic}' has no partition ${partition}, only ${count}`,
          { topic, partition, fatal: true },
        )
      }
      await this.assignment.begin([...this.cursors.all])
      this.#started.resolve()
    } catch (error) {
      if (!signal.aborted) this.fail(asKafkaError(error, 'Taking on the assigned partitions'))
    }
  }

  // ---- for readers -------------------------------------------------------------------------------------------------

  acquire(reader: object, signal: AbortSignal | undefined): void {
    if (this.#reader !== undefined) throw busyError()
    this.start()
    this.#reader = reader
    if (signal === undefined) return
    const wake = (): void => this.prefetch.wake()
    signal.addEventListener('abort', wake)
    this.#releases.push(() => signal.removeEventListener('abort', wake))
  }

  release(reader: object): void {
    if (this.#reader === reader) this.#reader = undefined
  }

  get reading(): boolean {
    return this.#reader !== undefined
  }

  async nextBatch(signal: AbortSignal | undefined): Promise<FetchedBatch | undefined> {
    for (;;) {
      if (this.#fatal !== undefined) throw this.#fatal
      if (this.#state !== 'running') return undefined
      if (signal?.aborted) throw abortedError('reading', signal)
      const batch = this.take()
      if (batch !== undefined) return batch
      const failure = this.prefetch.takeFailure()
      if (failure !== undefined) throw failure
      await this.prefetch.wait()
      this.#sliceStartMs = this.runtime.monoNow()
    }
  }

  take(): FetchedBatch | undefined {
    return this.#state === 'running' && this.#fatal === undefined ? this.prefetch.take() : undefined
  }

  finish(batch: FetchedBatch): void {
    if (batch.tenure === batch.cursor.tenure) batch.cursor.positionEpoch = batch.leaderEpoch
    this.prefetch.finish(batch)
  }

  putBack(batch: FetchedBatch): void {
    this.prefetch.putBack(batch)
  }

  corrupt(batch: FetchedBatch, cause: unknown): void {
    if (batch.tenure === batch.cursor.tenure) this.prefetch.fail(batch.cursor, corrupt(batch.cursor, cause))
  }

  slice(): boolean {
    if (this.#pauseDue) return false
    if (++this.#items % itemsPerLook !== 0) return true
    this.#pauseDue = this.runtime.monoNow() - this.#sliceStartMs > sliceMs
    return !this.#pauseDue
  }

  async pause(): Promise<void> {
    await new Promise<void>((resolve) => this.runtime.defer(resolve))
    this.#pauseDue = false
    this.#sliceStartMs = this.runtime.monoNow()
    this.#membership?.checkSession()
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
    const { cursor, tenure, end, leaderEpoch } = MessageBatch.placeOf(batch)
    this.markDone(cursor, tenure, end, leaderEpoch)
    await this.committer.commit(this.committer.pending(this.cursors.all))
  }

  /** Throws when the partition is not this consumer's any more: another member goes on from the last commit. */
  markDone(cursor: Cursor, tenure: number, end: number, leaderEpoch: number): void {
    if (tenure === cursor.tenure && cursor.owned) {
      cursor.markDone(end, leaderEpoch)
      return
    }
    const { topic, partition } = cursor
    throw new KafkaError(
      'INVALID_STATE',
      `topic '${topic}' partition ${partition} was given up, or its position moved, after this item was read`,
      {
        topic,
        partition,
        offset: BigInt(end - 1),
        hint: 'The item will be read again by whoever has the partition now.',
      },
    )
  }

  onRetry(place: Parameters<RunnerHost['onRetry']>[0]): void {
    this.emit('retry', { ...place, offset: BigInt(place.offset) })
  }

  // ---- the end -----------------------------------------------------------------------------------------------------

  /** Nothing can be read any more: the reader and every later call reject with it. */
  fail(error: KafkaError): void {
    if (this.#fatal !== undefined || this.#state === 'closing' || this.#state === 'closed') return
    this.#fatal = error
    this.cluster.logger.error('the consumer stopped', { error: error.message })
    this.#started.reject(error)
    this.source.close()
    this.prefetch.wake()
  }

  async close(timeoutMs: number): Promise<void> {
    const began = this.#state
    this.#state = 'closing'
    this.#closeTimeoutMs = timeoutMs
    this.prefetch.wake()
    if (began === 'running') await this.#giveUp(timeoutMs)
    this.#started.reject(closedError('the consumer'))
    this.committer.close()
    this.source.close()
    this.#closing.abort(closedError('the consumer'))
    for (const release of this.#releases) release()
    this.#releases = []
    this.#subscription.close()
    for (const timer of [this.#watch, this.#missing]) if (timer !== undefined) this.runtime.clearTimer(timer)
    for (const broker of this.cluster.brokers()) {
      broker.closeLane(this.#fetchLane)
      broker.closeLane(this.#groupLane)
    }
    this.#state = 'closed'
    this.prefetch.wake()
    this.emit('closed')
    this.events.removeAllListeners()
  }

  /** Stops in the order of a revoke; bounded, whatever handlers and brokers do. */
  async #giveUp(timeoutMs: number): Promise<void> {
    this.committer.stop()
    const given = Array.from(this.cursors.all, ({ topic, partition }) => ({ topic, partition }))
    if (this.#membership !== undefined) {
      await this.#membership.leave({ timeoutMs, reason: 'the consumer is closing' })
    } else if (given.length > 0) {
      const late = deferred<void>()
      const timer = this.runtime.setTimer(late.resolve, timeoutMs)
      await Promise.race([this.assignment.revoke(given, this.#graceMs()), late.promise])
      this.runtime.clearTimer(timer)
    }
    // What the deadline left over.
    for (const cursor of [...this.cursors.all]) {
      cursor.tenure++
      cursor.owned = false
      cursor.refresh()
      cursor.abort(closedError('the consumer'))
      this.cursors.delete(cursor)
    }
  }

  /** For what is being worked on; when closing, with time left for the commit. */
  #graceMs(): number {
    return Math.min(this.options.revokeGraceMs, this.#closeTimeoutMs / 2)
  }

  // ---- parts -------------------------------------------------------------------------------------------------------

  emit<E extends keyof ConsumerEventMap>(event: E, ...data: Parameters<ConsumerEventMap[E]>): void {
    for (const listener of this.events.listeners(event)) {
      try {
        ;(listener as (...given: unknown[]) => void)(...data)
      } catch (error) {
        this.cluster.logger.error('an event listener failed', { event, error: String(error) })
      }
    }
  }

  #register(): void {
    const { metrics } = this.cluster
    this.#releases.push(
      this.cluster.onMetadata(() => {
        this.source.update()
        this.#membership?.metadataChanged()
      }),
      metrics.gauge('consumer.bufferedBytes', () => this.prefetch.bufferedBytes),
      metrics.gauge('consumer.lag', () => this.lag()),
      metrics.gauge('consumer.partitions', () => this.cursors.all.size),
      metrics.health(() => ({
        kind: 'consumer',
        name: this.options.groupId ?? 'assigned',
        healthy: this.#fatal === undefined,
        details: {
          state: this.#membership?.state ?? this.#state,
          partitions: this.cursors.all.size,
          bufferedBytes: this.prefetch.bufferedBytes,
          lag: this.lag(),
        },
      })),
    )
  }

  /** Records between the positions and the ends of the partitions, as of the last fetches. */
  lag(): number {
    let lag = 0
    for (const { highWatermark, position } of this.cursors.all) {
      if (highWatermark >= 0 && position >= 0) lag += Math.max(0, highWatermark - position)
    }
    return lag
  }

  #sourceOptions() {
    const { minBytes, maxWaitMs, maxBytes, partitionMaxBytes, maxBufferedBytes, isolation, rack } = this.options
    return {
      lane: this.#fetchLane,
      minBytes,
      maxWaitMs,
      maxBytes,
      partitionMaxBytes,
      maxBufferedBytes,
      isolation,
      rack,
      onOutOfRange: (cursor: Cursor) => this.positions.outOfRange(cursor),
      onNewEpoch: (cursor: Cursor) => this.positions.validate(cursor),
    }
  }

  #createMembership(groupId: string): Membership {
    const { instanceId, rack, sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs, assignors } = this.options
    const settings = { sessionTimeoutMs, heartbeatIntervalMs, rebalanceTimeoutMs, assignors, lane: this.#groupLane }
    const { signal } = this.#closing
    return new ClassicMembership(
      this.cluster,
      { groupId, instanceId: instanceId ?? null, rack: rack ?? null, ...settings },
      {
        subscribedTopics: () => this.#topics(),
        knownSubscription: () => this.#subscription.known(),
        partitionCounts: (topics) => this.#subscription.counts(topics, signal),
        knownPartitionCount: (topic) => this.cluster.topic(topic)?.partitions.length,
        onRevoked: (partitions) => this.assignment.revoke(partitions, this.#graceMs()),
        onAssigned: (partitions) => this.assignment.add(partitions),
        onLost: (partitions) => this.#lost(partitions),
        beforeJoin: () => this.#commitBeforeJoin(),
        onRebalanced: (info) => this.#rebalanced(info),
        onFatal: (error) => this.fail(error),
      },
    )
  }

  #rebalanced(info: RebalanceInfo): void {
    this.#started.resolve()
    this.cluster.metrics.counter('consumer.rebalances').add(1)
    this.emit('rebalanced', info)
  }

  async #lost(partitions: readonly TopicPartition[]): Promise<void> {
    await this.assignment.lose(partitions)
    this.emit('lost', { partitions })
  }

  async #commitBeforeJoin(): Promise<void> {
    if (!this.options.commit.automatic) return
    const offsets = this.committer.pending(this.cursors.all)
    await this.committer
      .commit(offsets, { timeoutMs: this.options.revokeGraceMs })
      .catch((error: unknown) => this.emit('commitFailed', { error: asKafkaError(error, 'Committing offsets') }))
  }

  #committerHost() {
    return {
      identity: () => this.identity,
      ready: () => this.#membership === undefined || this.#membership.state === 'stable',
      cursors: () => this.cursors.all,
      fenced: (code: string, generation: number) => this.#membership?.fenced(code, generation),
      rebalanceSeen: (generation: number) => this.#membership?.rebalanceSeen(generation),
      onCommitted: (offsets: readonly (TopicPartition & { offset: number })[]) => {
        if (this.events.listenerCount('committed') === 0) return
        const list = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: BigInt(offset) }))
        this.emit('committed', { offsets: list })
      },
      onAutoFailure: (error: KafkaError) => this.emit('commitFailed', { error }),
    }
  }

  #positionsHost() {
    const { offsetReset, groupId } = this.options
    return {
      logger: this.cluster.logger,
      offsetReset,
      identity: groupId === undefined ? undefined : () => this.identity,
      manual: !this.mark,
      isNew: (cursor: Cursor) => this.#subscription.isNew(cursor),
      onReady: (cursor: Cursor) => this.source.wake(cursor),
      onReset: (
        cursor: Cursor,
        from: number,
        to: number,
        reason: 'no-committed-offset' | 'out-of-range' | 'truncated',
      ) => {
        const { topic, partition } = cursor
        if (reason !== 'no-committed-offset') {
          this.cluster.logger.warn('the position was reset', { topic, partition, from, to, reason })
        }
        this.emit('positionReset', {
          topic,
          partition,
          from: from < 0 ? undefined : BigInt(from),
          to: BigInt(to),
          reason,
        })
      },
      onFatal: (error: unknown) => this.fail(asKafkaError(error, 'Looking up offsets')),
    }
  }

  // ---- items that are out too long -----------------------------------------------------------------------------------

  #scheduleWatch(): void {
    const { maxProcessingMs } = this.options
    const everyMs = Math.min(longestWatchMs, Math.max(1, maxProcessingMs / watchParts))
    this.#watch = this.runtime.setTimer(() => {
      this.#watch = undefined
      this.#lookForStalled()
      if (this.#state === 'running' && this.#fatal === undefined) this.#scheduleWatch()
    }, everyMs)
  }

  #lookForStalled(): void {
    const nowMs = this.runtime.monoNow()
    const { maxProcessingMs, revokeGraceMs } = this.options
    for (const cursor of this.#seen.keys()) if (cursor.inHand === 0 || !cursor.owned) this.#seen.delete(cursor)
    for (const cursor of this.cursors.all) {
      if (cursor.inHand === 0) continue
      const seen = this.#seen.get(cursor)
      if (seen === undefined || seen.end !== cursor.handedEnd) {
        this.#seen.set(cursor, { end: cursor.handedEnd, sinceMs: nowMs, told: false })
      } else if (!seen.told && nowMs - seen.sinceMs >= maxProcessingMs) {
        seen.told = true
        this.#stalled(cursor, nowMs - seen.sinceMs)
      } else if (seen.told && nowMs - seen.sinceMs >= maxProcessingMs + revokeGraceMs) this.#evict(cursor)
    }
  }

  #stalled(cursor: Cursor, elapsedMs: number): void {
    const { topic, partition, handedEnd } = cursor
    const offset = BigInt(handedEnd - 1)
    this.cluster.logger.warn('an item is being worked on for too long', { topic, partition, offset, elapsedMs })
    this.emit('stalled', { topic, partition, offset, elapsedMs })
    cursor.abort(processingError(cursor, this.options.maxProcessingMs))
  }

  /** The partition must not stay with somebody who does not get on: others may. */
  #evict(cursor: Cursor): void {
    if (this.#membership === undefined) return
    this.fail(processingError(cursor, this.options.maxProcessingMs))
    this.committer.stop()
    void this.#membership.leave({
      timeoutMs: this.options.sessionTimeoutMs,
      reason: 'an item took longer than maxProcessingMs',
      always: true,
    })
  }
}

function processingError({ topic, partition, handedEnd }: Cursor, limitMs: number): KafkaError {
  return new KafkaError(
    'PROCESSING_TIMED_OUT',
    `topic '${topic}' partition ${partition} offset ${handedEnd - 1} was not done within ${limitMs} ms`,
    {
      topic,
      partition,
      offset: BigInt(handedEnd - 1),
      fatal: true,
      hint: 'Raise maxProcessingMs, or make the handler end when its signal aborts.',
    },
  )
}

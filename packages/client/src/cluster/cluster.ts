import { errorCode, type MetadataResponse } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import type { CallOptions } from '../call-options.ts'
import { Emitter } from '../emitter.ts'
import { meaningOf } from '../error-meaning.ts'
import { type BrokerAddress, closedError, KafkaError, kafkaErrorOf } from '../errors.ts'
import type { ClientEvents } from '../events.ts'
import { errorFields, type Logger } from '../logger.ts'
import type { HealthReport, Metrics } from '../metrics.ts'
import { Observer } from '../net/observer.ts'
import { OpenSockets } from '../net/open-sockets.ts'
import type { ResolvedOptions } from '../options.ts'
import { handled } from '../runtime/deferred.ts'
import { staggered } from '../runtime/staggered.ts'
import { waitAtMost, within, withSignal } from '../runtime/wait.ts'
import type { Broker } from './broker.ts'
import { type BrokerListing, BrokerTable } from './broker-table.ts'
import { type CoordinatorKind, Coordinators } from './coordinators.ts'
import { type LeaderUpdate, MetadataCache } from './metadata-cache.ts'
import { MetadataRefresher } from './metadata-refresher.ts'
import { OwnConnections } from './own-connections.ts'
import { type RetryContext, type RetryOptions, retry } from './retry.ts'
import type { PartitionInfo, TopicInfo } from './topology.ts'

export type { RetryOptions } from './retry.ts'

export interface AwaitTopicOptions extends CallOptions {
  /** Lets the broker create the topic. Default false. */
  readonly allowAutoTopicCreation?: boolean | undefined
}

/** A broker as a response lists it. */
export type LeaderHint = BrokerListing

/** Destroyed sockets are closed in the next turn of the event loop; this only limits the wait. */
const longestCloseMs = 1_000

/** Another broker is tried beside one that is silent for this long. */
const silentAfterMs = 1_000

const unknownTopic = errorCode('UNKNOWN_TOPIC_OR_PARTITION')

/** A Kafka cluster for producer, consumer and admin: brokers, metadata, coordinators, retries. */
export class Cluster {
  readonly runtime: Runtime
  readonly options: ResolvedOptions
  readonly events: ClientEvents
  readonly metrics: Metrics
  readonly logger: Logger
  readonly #stop = new AbortController()
  readonly #sockets = new OpenSockets()
  readonly #table: BrokerTable
  readonly #cache: MetadataCache
  readonly #refresher: MetadataRefresher
  readonly #coordinators: Coordinators
  readonly #retrying: RetryContext
  readonly #listeners = new Set<() => void>()
  readonly #releases: (() => void)[]
  #ownerCount = 0
  #controllerId = -1
  #clusterId: string | null = null

  /** Opens no connection: the first call that needs a broker does. */
  constructor(options: ResolvedOptions, metrics: Metrics) {
    const { runtime, logger } = options
    this.runtime = runtime
    this.options = options
    this.metrics = metrics
    this.logger = logger
    this.events = new Emitter(logger)
    const sockets = this.#sockets
    const services = {
      runtime,
      options,
      events: this.events,
      logger,
      observer: new Observer(metrics, runtime, options.clientId),
      sockets,
    }
    this.#table = new BrokerTable(services)
    this.#cache = new MetadataCache(options.topicTimeoutMs)
    this.#refresher = new MetadataRefresher(services, this.#table, this.closing, {
      applied: (response, complete) => this.#applied(response, complete),
      rebootstrapped: () => this.#rebootstrapped(),
    })
    this.#coordinators = new Coordinators({
      firstResult: (attempt) => this.firstResult(attempt),
      addBrokers: (brokers) => this.#table.add(brokers),
      broker: (id) => this.#table.get(id),
    })
    this.#retrying = {
      runtime,
      closing: this.closing,
      options,
      logger,
      retries: metrics.counter('retries'),
      refresh: (reason, topics, signal) => this.refreshMetadata(reason, topics, { signal }),
    }
    this.#releases = this.#register()
  }

  /** Aborts when the client closes. */
  get closing(): AbortSignal {
    return this.#stop.signal
  }

  /** Incremented with each change of the metadata: compare it to find out whether cached leaders are still right. */
  get metadataVersion(): number {
    return this.#cache.version
  }

  get clusterId(): string | null {
    return this.#clusterId
  }

  // ---- topics

  /** From the cache, no I/O; undefined also when the brokers report that it does not exist. */
  topic(name: string): TopicInfo | undefined {
    return this.#cache.topic(name)
  }

  /** The error code of the topic in the last metadata that contained it; 0 also when it was never requested. */
  topicErrorCode(name: string): number {
    return this.#cache.errorCodeOf(name)
  }

  /** From the cache, no I/O. */
  topicById(topicId: string): TopicInfo | undefined {
    return this.#cache.topicById(topicId)
  }

  /** From the cache, no I/O. */
  partition(topic: string, partition: number): PartitionInfo | undefined {
    return this.#cache.partition(topic, partition)
  }

  /** Why `topic` has nothing for this name, as the brokers reported it last; undefined when they did not report an error. */
  topicError(name: string): KafkaError | undefined {
    const code = this.#cache.errorCodeOf(name)
    if (code === 0 || this.#cache.topic(name) !== undefined) return undefined
    return kafkaErrorOf(code, 'Looking up the topic', { topic: name })
  }

  /** All topics in the cache: the watched ones, or all of the cluster with watchTopics('all'). */
  topics(): readonly TopicInfo[] {
    return this.#cache.topics()
  }

  /** From the cache, else refreshes until the topic is known; UNKNOWN_TOPIC_OR_PARTITION after `topicTimeoutMs`. */
  async awaitTopic(name: string, options: AwaitTopicOptions = {}): Promise<TopicInfo> {
    const cached = this.#cache.topic(name)
    if (cached !== undefined) return cached
    const { timeoutMs, signal, allowAutoTopicCreation = false } = options
    let unknownSinceMs: number | undefined
    const giveUpAtMs = (error: KafkaError) =>
      meaningOf(error.code).missingTopic && unknownSinceMs !== undefined
        ? unknownSinceMs + this.options.topicTimeoutMs
        : undefined
    return this.retry({ operation: `Looking up topic '${name}'`, timeoutMs, signal, giveUpAtMs }, async () => {
      await this.#refresher.refresh([name], allowAutoTopicCreation ? [name] : [])
      const topic = this.#cache.topic(name)
      if (topic !== undefined) return topic
      const code = this.#cache.errorCodeOf(name) || unknownTopic
      if (meaningOf(code).missingTopic) unknownSinceMs ??= this.runtime.monoNow()
      throw kafkaErrorOf(code, 'Looking up the topic', { topic: name })
    })
  }

  /** Resolves after a refresh that began after the call; calls share refreshes. Rejects when no broker responds. */
  async refreshMetadata(reason: string, topics: readonly string[] = [], options: CallOptions = {}): Promise<void> {
    if (this.closing.aborted) throw closedError('client')
    const { timeoutMs = this.options.apiTimeoutMs, signal } = options
    this.logger.debug('refreshing metadata', { reason })
    const outcome = 'not-written' as const
    const limits = { operation: 'Refreshing metadata', timeoutMs, signals: [signal], outcome }
    await within(this.runtime, limits, (bounded) => withSignal(this.#refresher.refresh(topics), bounded))
  }

  /** Requests the metadata of topics by id (KIP-516): then `topicById` has those that exist. Rejects when no broker responds. */
  async lookUpTopicIds(topicIds: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.closing.aborted) throw closedError('client')
    await withSignal(this.#refresher.lookUp(topicIds), signal)
  }

  /** Includes topics in each refresh; returns the release. It does not cause a refresh itself. */
  watchTopics(names: readonly string[] | 'all'): () => void {
    return this.#refresher.watch(names)
  }

  /** Called after each change of the metadata; returns the release. */
  onMetadata(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** KIP-951: applies the new leader from an error response. Ignores epochs that are not newer than the known one. */
  updateLeader(topic: string, partition: number, leaderId: number, leaderEpoch: number): void {
    this.updateLeaders([{ topic, partition, leader: leaderId, leaderEpoch }])
  }

  /** The same for any number of partitions: listeners are called once. */
  updateLeaders(leaders: readonly LeaderUpdate[]): void {
    if (this.#cache.updateLeaders(leaders)) this.#notify()
    if (leaders.some(({ leader }) => leader >= 0 && this.#table.get(leader) === undefined))
      handled(this.#refresher.refresh())
  }

  /**
   * KIP-951: adds the brokers from the same response; call it before `updateLeader`. The address of a broker that the metadata
   * lists is that of the metadata: a proxy may rewrite only those.
   */
  addBrokers(brokers: readonly LeaderHint[]): void {
    const unlisted = brokers.filter(({ id }) => this.#table.get(id) === undefined)
    this.#table.add(unlisted)
    const isMoved = ({ id, host, port }: LeaderHint) => {
      const listed = this.#table.get(id)
      return listed !== undefined && (listed.host !== host || listed.port !== port)
    }
    if (unlisted.length > 0 || brokers.some(isMoved)) handled(this.#refresher.refresh())
  }

  /** From the cache, no I/O; undefined: the partition has no leader at the moment, or is unknown. */
  leaderOf(topic: string, partition: number): Broker | undefined {
    const leader = this.#cache.partition(topic, partition)?.leader
    return leader === undefined || leader < 0 ? undefined : this.#table.get(leader)
  }

  // ---- brokers

  broker(id: number): Broker | undefined {
    return this.#table.get(id)
  }

  /** Those of the last metadata. */
  brokers(): readonly Broker[] {
    return this.#table.listed()
  }

  /** From the cache, else looked up. */
  async coordinator(kind: CoordinatorKind, key: string, options: CallOptions = {}): Promise<Broker> {
    const known = this.#coordinators.known(kind, key)
    if (known !== undefined && !this.closing.aborted) return known
    const operation = `Looking up the coordinator of ${kind} '${key}'`
    return this.retry({ operation, ...options }, () => this.findCoordinator(kind, key))
  }

  /** Connections for a part of the client: no other part sends requests on them. */
  ownConnections(): OwnConnections {
    return new OwnConnections(`${this.options.clientId}-${++this.#ownerCount}`, () => this.#table.all())
  }

  // ---- one attempt each, for use inside `retry`

  /** The least loaded broker, connected ones first; bootstraps if needed. */
  async findBroker(): Promise<Broker> {
    if (this.closing.aborted) throw closedError('client')
    if (this.#table.listed().length === 0) await this.#refresher.refresh()
    const best = this.#table.candidates()[0]
    if (best !== undefined) return best
    throw new KafkaError('NO_BROKER_REACHABLE', 'The metadata names no broker', { retriable: true })
  }

  /**
   * The first result of any broker: one that fails, or has not responded for a second, does not delay it. Only for requests that may
   * be served twice. Rejects when all brokers have failed, or with a failure that no other broker can heal.
   */
  async firstResult<T>(attempt: (broker: Broker) => Promise<T>): Promise<T> {
    const best = await this.findBroker()
    let failure: unknown
    const wrapped = async (broker: Broker): Promise<{ readonly value: T }> => {
      try {
        return { value: await attempt(broker) }
      } catch (error) {
        failure ??= error
        throw error
      }
    }
    const others = this.#table.candidates().filter((broker) => broker !== best)
    const ends = (error: unknown) => !KafkaError.is(error) || !error.retriable || this.closing.aborted
    const stagger = { runtime: this.runtime, afterMs: silentAfterMs, ends }
    const result = await staggered<Broker, { readonly value: T }>([best, ...others], wrapped, stagger)
    if (result === undefined) throw failure
    return result.value
  }

  /** From the second attempt on the cached controller is considered wrong. */
  async findController(attemptNo: number): Promise<Broker> {
    if (this.closing.aborted) throw closedError('client')
    if (this.#controllerId < 0 || attemptNo > 1) await this.#refresher.refresh()
    const controller = this.#table.get(this.#controllerId)
    if (controller !== undefined) return controller
    throw new KafkaError('LEADER_NOT_AVAILABLE', 'The cluster has no controller at the moment', { retriable: true })
  }

  async findCoordinator(kind: CoordinatorKind, key: string): Promise<Broker> {
    if (this.closing.aborted) throw closedError('client')
    return this.#coordinators.known(kind, key) ?? this.#coordinators.find(kind, key)
  }

  /** The coordinator moved or cannot be reached: the next call looks it up again. */
  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.forget(kind, key)
  }

  /**
   * Repeats `attempt` while it fails with a retriable KafkaError, with exponential backoff and jitter, until the deadline; then
   * rejects with TIMED_OUT and the last failure as `cause`. The signal of the attempt aborts at the deadline, with the caller's
   * signal, and when the client closes.
   */
  retry<T>(what: RetryOptions, attempt: (attemptNo: number, signal: AbortSignal) => Promise<T>): Promise<T> {
    return retry(this.#retrying, what, attempt)
  }

  /** The open connections, including those to bootstrap addresses. */
  connections(): readonly { broker: BrokerAddress; purpose: string; inFlight: number }[] {
    const open: { broker: BrokerAddress; purpose: string; inFlight: number }[] = []
    for (const node of this.#table.all()) {
      for (const { connected, purpose, inFlight } of node.connections) {
        if (connected) open.push({ broker: node.address(), purpose, inFlight })
      }
    }
    return open
  }

  /** Closes all sockets, and resolves when they are closed; pending calls reject with CLOSED. Idempotent. */
  async close(): Promise<void> {
    if (!this.closing.aborted) this.#abandon()
    await waitAtMost(this.runtime, longestCloseMs, this.#sockets.drained())
  }

  #abandon(): void {
    const error = closedError('client', 'unknown')
    this.#stop.abort(error)
    this.#refresher.close(error)
    this.#table.close(error)
    this.#listeners.clear()
    for (const release of this.#releases) release()
    this.events.emit('closed')
  }

  #applied(response: MetadataResponse, complete: boolean): void {
    const version = this.#cache.version
    this.#table.replace(response.brokers.map(({ nodeId: id, host, port, rack }) => ({ id, host, port, rack })))
    this.#controllerId = response.controllerId
    if (this.#clusterId !== null && response.clusterId !== null && this.#clusterId !== response.clusterId) {
      this.logger.warn('the cluster id changed', { clusterId: response.clusterId })
    }
    this.#clusterId = response.clusterId ?? this.#clusterId
    const nowMs = this.runtime.monoNow()
    this.#cache.apply(response.topics, complete, nowMs)
    this.#cache.forget((name) => this.#refresher.isWatched(name), nowMs - this.options.metadataMaxAgeMs)
    const { clusterId } = this
    this.events.emit('metadata', { clusterId, brokers: response.brokers.length, topics: this.#cache.size })
    if (this.#cache.version !== version) this.#notify()
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener()
      } catch (error) {
        this.logger.error('a metadata listener threw', errorFields(error))
      }
    }
  }

  #rebootstrapped(): void {
    const { length: brokers } = this.#table.listed()
    this.logger.info('no known broker responded: rebootstrapped', { brokers })
    this.events.emit('rebootstrapped', { brokers })
  }

  #register(): (() => void)[] {
    return [
      this.metrics.gauge('connections', () => this.connections().length),
      this.metrics.gauge('requestsInFlight', () => this.connections().reduce((sum, { inFlight }) => sum + inFlight, 0)),
      this.metrics.gauge('brokers', () => this.#table.listed().length),
      this.metrics.gauge('topics', () => this.#cache.size),
      this.metrics.health(() => this.#health()),
    ]
  }

  #health(): HealthReport {
    const brokers = this.#table.listed()
    const failing = brokers.filter((node) => node.backoff.failures > 0).length
    const { respondedMs } = this.#refresher
    const metadataAgeMs = respondedMs === undefined ? -1 : Math.round(this.runtime.monoNow() - respondedMs)
    const connections = this.connections().length
    return {
      kind: 'cluster',
      name: this.#clusterId ?? '',
      healthy: brokers.length > 0 && failing < brokers.length,
      details: { brokers: brokers.length, failing, connections, metadataAgeMs },
    }
  }
}

import type { Runtime } from '@ottla/codec/runtime'
import type { BrokerAddress } from '../errors.ts'
import type { ClientEvents } from '../events.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { ResolvedOptions } from '../options.ts'
import type { Broker } from './broker.ts'
import type { PartitionInfo, TopicInfo } from './topology.ts'

export interface AwaitOptions {
  /** Default `apiTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface AwaitTopicOptions extends AwaitOptions {
  /** Lets the broker create the topic. Default false. */
  readonly allowAutoTopicCreation?: boolean | undefined
}

export interface RetryOptions {
  /** Begins the message of the error: 'Creating topics'. */
  readonly operation: string
  /** On `runtime.monoNow()`. */
  readonly deadlineMs?: number | undefined
  /** Used when there is no `deadlineMs`. Default `apiTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface LeaderHint {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack?: string | null | undefined
}

const unbuilt = () => {
  throw new Error('the cluster is being written')
}

/** What producer, consumer and admin use of a Kafka cluster: brokers, metadata, coordinators, retries. */
export class Cluster {
  readonly runtime: Runtime
  readonly options: ResolvedOptions
  readonly events: ClientEvents
  readonly metrics: Metrics
  readonly logger: Logger
  /** Aborts when the client closes. */
  readonly closing: AbortSignal

  constructor(options: ResolvedOptions, events: ClientEvents, metrics: Metrics) {
    this.runtime = options.runtime
    this.options = options
    this.events = events
    this.metrics = metrics
    this.logger = options.logger
    this.closing = new AbortController().signal
  }

  /** Grows with each change of the metadata: compare it to know that cached leaders are still right. */
  get metadataVersion(): number {
    return unbuilt()
  }

  get clusterId(): string | null {
    return unbuilt()
  }

  /** From the cache, no I/O; undefined also when the brokers say that it does not exist. */
  topic(_name: string): TopicInfo | undefined {
    return unbuilt()
  }

  topicById(_topicId: string): TopicInfo | undefined {
    return unbuilt()
  }

  partition(_topic: string, _partition: number): PartitionInfo | undefined {
    return unbuilt()
  }

  /** All topics of the cache: those watched, or every one with watchTopics('all'). */
  topics(): readonly TopicInfo[] {
    return unbuilt()
  }

  /** From the cache when known, else refreshes until known; UNKNOWN_TOPIC_OR_PARTITION after `topicTimeoutMs`. */
  awaitTopic(_name: string, _options?: AwaitTopicOptions): Promise<TopicInfo> {
    return unbuilt()
  }

  /** From the cache, no I/O. */
  leaderOf(_topic: string, _partition: number): Broker | undefined {
    return unbuilt()
  }

  /** Coalesced and backed off; resolves after a refresh that began after the call. */
  refreshMetadata(_reason: string, _topics?: readonly string[], _options?: AwaitOptions): Promise<void> {
    return unbuilt()
  }

  /** Keeps topics in each refresh; returns the release. */
  watchTopics(_names: readonly string[] | 'all'): () => void {
    return unbuilt()
  }

  /** Called after each change of the metadata; returns the release. */
  onMetadata(_listener: () => void): () => void {
    return unbuilt()
  }

  /** KIP-951: what an error response says about the new leader. Older epochs than the known one are ignored. */
  learnLeader(_topic: string, _partition: number, _leaderId: number, _leaderEpoch: number): void {
    unbuilt()
  }

  /** KIP-951: the addresses that came with it. */
  learnBrokers(_brokers: readonly LeaderHint[]): void {
    unbuilt()
  }

  broker(_id: number): Broker | undefined {
    return unbuilt()
  }

  brokers(): readonly Broker[] {
    return unbuilt()
  }

  /** The least loaded broker that answers, bootstrapping first if needed. */
  anyBroker(_options?: AwaitOptions): Promise<Broker> {
    return unbuilt()
  }

  controller(_options?: AwaitOptions): Promise<Broker> {
    return unbuilt()
  }

  coordinator(_kind: 'group' | 'transaction', _key: string, _options?: AwaitOptions): Promise<Broker> {
    return unbuilt()
  }

  forgetCoordinator(_kind: 'group' | 'transaction', _key: string): void {
    unbuilt()
  }

  /**
   * Repeats `attempt` while it fails with a retriable KafkaError, with jittered backoff, until the deadline; then TIMED_OUT
   * with the last failure as `cause`. The signal given to the attempt aborts at the deadline, with the caller's and on close.
   */
  retry<T>(_what: RetryOptions, _attempt: (attemptNo: number, signal: AbortSignal) => Promise<T>): Promise<T> {
    return unbuilt()
  }

  /** Sockets of bootstrap addresses too. */
  connections(): readonly { broker: BrokerAddress; lane: string; inFlight: number }[] {
    return unbuilt()
  }

  async close(): Promise<void> {
    return unbuilt()
  }
}

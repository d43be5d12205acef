import type { Emitter } from '../emitter.ts'
import type { KafkaError } from '../errors.ts'
import type { RebalanceInfo, TopicPartition } from '../group/membership.ts'

export interface LostEvent {
  readonly partitions: readonly TopicPartition[]
}

export interface RebalancingEvent {
  readonly groupId: string
  readonly reason: string
}

export interface StalledEvent {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** For how long the item has been in hand. */
  readonly elapsedMs: number
}

export interface StuckEvent {
  readonly topic: string
  readonly partition: number
  /**
   * 'no-reader': nothing reads for `maxProcessingMs`, so that the member leaves the group, and joins again at the next read.
   * 'not-fetched': no fetch brings records; `error` has the reason, if it is known. 'not-read': fetched records are not read.
   * 'not-settled': an item is in hand for longer than `maxProcessingMs`.
   */
  readonly reason: 'no-reader' | 'not-fetched' | 'not-read' | 'not-settled'
  readonly elapsedMs: number
  readonly error: KafkaError | undefined
}

export interface CommittedEvent {
  readonly offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[]
}

export interface CommitFailedEvent {
  readonly error: KafkaError
}

export interface HandlerRetryEvent {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** How many calls of the handler have failed. */
  readonly attempt: number
  /** Until the next call. */
  readonly backoffMs: number
  /** What the handler threw. */
  readonly error: unknown
}

/** A message whose handler has failed for good, and that was stored in another topic. */
export interface ForwardedEvent {
  /** Where it was read. */
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** How many calls of the handler have failed, those for the records of retry topics included. */
  readonly attempts: number
  /** What the handler threw. */
  readonly error: unknown
  /** Where it was stored. */
  readonly to: { readonly topic: string; readonly partition: number; readonly offset: bigint | undefined }
}

export interface DelayedEvent extends ForwardedEvent {
  /** When the next attempt is due, in ms since the epoch. */
  readonly dueMs: number
}

/** A batch that cannot be read was skipped, as the option `onUnreadable` says. */
export interface UnreadableEvent {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint
  readonly lastOffset: bigint
  readonly error: unknown
  readonly action: 'skipped' | 'dead-lettered'
}

export interface BadRecordEvent {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly field: 'key' | 'value'
  /** What was done with the record. After 'fail' the reader rejects. */
  readonly action: 'fail' | 'skip' | 'dead-letter'
  readonly error: KafkaError
}

export interface PositionResetEvent {
  readonly topic: string
  readonly partition: number
  /** Undefined: there was no position. */
  readonly from: bigint | undefined
  readonly to: bigint
  readonly reason: 'no-committed-offset' | 'out-of-range' | 'truncated' | 'recreated'
}

/**
 * The events of `consumer.on(…)`. They are notifications only: nothing awaits a listener, and errors reject the reader
 * instead.
 */
export interface ConsumerEventMap {
  /** The member joins, or its assignment changes. Until `rebalanced` `status().rebalancing` is true. */
  rebalancing: (event: RebalancingEvent) => void
  /** A rebalance has completed, including its hooks. */
  rebalanced: (event: RebalanceInfo) => void
  /** Partitions were lost: another member may have them. */
  lost: (event: LostEvent) => void
  /** Processing of an item exceeded `maxProcessingMs`; its signal was aborted. */
  stalled: (event: StalledEvent) => void
  /**
   * A partition that is not paused makes no progress. Reported once per occasion; `health()` is unhealthy while it lasts.
   */
  stuck: (event: StuckEvent) => void
  committed: (event: CommittedEvent) => void
  /** An automatic commit failed; it is retried. */
  commitFailed: (event: CommitFailedEvent) => void
  /** A handler of `run` failed and will be called again after `backoffMs`. */
  retry: (event: HandlerRetryEvent) => void
  /** A message was stored in a retry topic, where it waits for its next attempt. */
  delayed: (event: DelayedEvent) => void
  /** A message was stored in the dead letter topic. */
  deadLettered: (event: ForwardedEvent) => void
  /** A batch that cannot be read was skipped. */
  unreadable: (event: UnreadableEvent) => void
  /** The key or the value of a record of a typed topic could not be decoded. */
  badRecord: (event: BadRecordEvent) => void
  /** The position was reset: by `offsetReset`, or because the log was truncated or the topic recreated. */
  positionReset: (event: PositionResetEvent) => void
  closed: () => void
}

export type ConsumerEvents = Emitter<ConsumerEventMap>

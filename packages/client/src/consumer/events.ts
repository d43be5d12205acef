import type { KafkaError } from '../errors.ts'
import type { RebalanceInfo, TopicPartition } from '../group/membership.ts'

/**
 * The events of `consumer.on(…)`. They are notifications only: nothing awaits a listener, and errors reject the reader
 * instead.
 */
export interface ConsumerEventMap {
  /** A rebalance has completed, including its hooks. */
  rebalanced: (event: RebalanceInfo) => void
  /** Partitions were lost: another member may have them. */
  lost: (event: { partitions: readonly TopicPartition[] }) => void
  /** Processing of an item exceeded `maxProcessingMs`; its signal was aborted. */
  stalled: (event: { topic: string; partition: number; offset: bigint; elapsedMs: number }) => void
  committed: (event: { offsets: readonly { topic: string; partition: number; offset: bigint }[] }) => void
  /** An automatic commit failed; it is retried. */
  commitFailed: (event: { error: KafkaError }) => void
  /** A handler of `run` failed and will be called again after `backoffMs`. */
  retry: (event: {
    topic: string
    partition: number
    offset: bigint
    attempt: number
    backoffMs: number
    error: unknown
  }) => void
  /** The position was reset: by `offsetReset`, or because the log was truncated or the topic recreated. */
  positionReset: (event: {
    topic: string
    partition: number
    from: bigint | undefined
    to: bigint
    reason: 'no-committed-offset' | 'out-of-range' | 'truncated' | 'recreated'
  }) => void
  closed: () => void
}

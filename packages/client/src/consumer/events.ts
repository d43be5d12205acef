import type { KafkaError } from '../errors.ts'
import type { RebalanceInfo, TopicPartition } from '../group/membership.ts'

/** What `consumer.on(…)` tells. Events only notify: nothing waits for a listener. Errors reject the reader instead. */
export interface ConsumerEventMap {
  /** A rebalance is through, hooks included. */
  rebalanced: (event: RebalanceInfo) => void
  /** Partitions were lost: another member may have them. */
  lost: (event: { partitions: readonly TopicPartition[] }) => void
  /** An item is being worked on for longer than `maxProcessingMs`; its signal was aborted. */
  stalled: (event: { topic: string; partition: number; offset: bigint; elapsedMs: number }) => void
  committed: (event: { offsets: readonly { topic: string; partition: number; offset: bigint }[] }) => void
  /** A commit that nobody awaited failed; it is tried again. */
  commitFailed: (event: { error: KafkaError }) => void
  /** A handler of `run` failed and is called again after `backoffMs`. */
  retry: (event: {
    topic: string
    partition: number
    offset: bigint
    attempt: number
    backoffMs: number
    error: unknown
  }) => void
  /** The position was set by `offsetReset`, or because the log was truncated, or the topic created anew. */
  positionReset: (event: {
    topic: string
    partition: number
    from: bigint | undefined
    to: bigint
    reason: 'no-committed-offset' | 'out-of-range' | 'truncated' | 'recreated'
  }) => void
  closed: () => void
}

import type { TopicPartition } from '../cluster/topology.ts'
import type { KafkaError } from '../errors.ts'
import type { AssignedPartition } from './partition/assigned-partition.ts'
import type { Deliveries } from './reading/delivery.ts'

/** What `consumer.partitions()` reports of a partition. Offsets are undefined while they are unknown. */
export interface PartitionStatus extends TopicPartition {
  /** The next offset to deliver. */
  readonly position: bigint | undefined
  /** The committed offset, as far as this consumer knows. */
  readonly committed: bigint | undefined
  /** Everything before it is processed. */
  readonly done: bigint | undefined
  /** Number of items that the application is processing. */
  readonly inHand: number
  readonly highWatermark: bigint | undefined
  readonly lastStableOffset: bigint | undefined
  /** Number of records between the position and the high watermark. */
  readonly lag: number | undefined
  /**
   * 'resolving': its position is being looked up or validated. 'backing-off': a request failed and is repeated. 'no-leader' and
   * 'forbidden' end by themselves when the reason does; 'failed' needs a seek.
   */
  readonly state: 'reading' | 'paused' | 'resolving' | 'backing-off' | 'no-leader' | 'forbidden' | 'failed'
  /** For how long it has been in this state, in ms; 0 for 'reading' and 'paused'. */
  readonly elapsedMs: number
  /** Why it is not read, if that is known. */
  readonly error: KafkaError | undefined
}

export function statusOf(partition: AssignedPartition, deliveries: Deliveries, nowMs: number): PartitionStatus {
  const { topic, progress, fetching, trouble, lag } = partition
  return {
    topic,
    partition: partition.partition,
    position: fetching.offset < 0 ? undefined : known(progress.next),
    committed: known(progress.committed),
    done: progress.isKnown ? BigInt(progress.lowestUndone.offset) : undefined,
    inHand: deliveries.openIn(partition),
    highWatermark: known(fetching.highWatermark),
    lastStableOffset: known(fetching.lastStableOffset),
    lag,
    state: trouble?.obstacle ?? (partition.paused ? 'paused' : 'reading'),
    elapsedMs: trouble === undefined ? 0 : Math.max(0, Math.round(nowMs - trouble.sinceMs)),
    error: trouble?.error,
  }
}

/** The sum of the lags; undefined while any is unknown. */
export function lagOf(partitions: Iterable<AssignedPartition>): number | undefined {
  let sum = 0
  for (const { lag } of partitions) {
    if (lag === undefined) return undefined
    sum += lag
  }
  return sum
}

function known(offset: number): bigint | undefined {
  return offset < 0 ? undefined : BigInt(offset)
}

import type { ConnectionPurpose } from '../../cluster/broker.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { KafkaError } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'

export interface SourceOptions {
  readonly purpose: ConnectionPurpose
  /** For partitions that become ready while a long poll without them is in flight. */
  readonly latePurpose: ConnectionPurpose
  readonly minBytes: number
  readonly maxWaitMs: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  readonly isolation: 'read_committed' | 'read_uncommitted'
  readonly rack: string | undefined
}

/** The room for fetched bytes, which the prefetch holds. */
export interface FetchBudget {
  /** Bytes that may still be fetched. Bytes of paused partitions count only as far as they leave room for the others. */
  readonly roomBytes: number
  /** No fetch is sent; `Source.wake` is called when there is room again. */
  readonly isFull: boolean
  /** The most that the consumer may hold at the moment. */
  readonly limitBytes: number
  /** What it may always hold, whatever other consumers of a common budget do. */
  readonly guaranteedBytes: number
  /** To call when it is full: others may use the same budget. */
  awaitRoom(): void
}

/** Each callback is synchronous and may call back into the source. */
export interface SourceHost {
  /** The log does not contain the position; everything fetched was delivered. */
  onOutOfRange(partition: AssignedPartition): void
  /** The leader epoch increased: the log may have been truncated below the position. */
  onNewEpoch(partition: AssignedPartition): void
  /** The topic was deleted and created again. Nothing of the new one was fetched. */
  onRecreated(partition: AssignedPartition): void
  /** Fetching is refused for lack of a right. It is retried until it is granted; called once until then. */
  onForbidden(partition: AssignedPartition, error: KafkaError): void
  /** Until the release, requests that follow from the callbacks are gathered: each broker receives one. */
  hold(): () => void
  /** Fetching failed permanently, for every partition of a broker. */
  onFatal(error: unknown): void
}

export type SourceCluster = Pick<
  Cluster,
  | 'runtime'
  | 'options'
  | 'logger'
  | 'topic'
  | 'topicErrorCode'
  | 'partition'
  | 'broker'
  | 'refreshMetadata'
  | 'updateLeaders'
  | 'addBrokers'
>

import type { Runtime } from '@ottla/runtime'
import type { RetryClock } from '../cluster/retry-backoff.ts'
import type { TopicPartition } from '../cluster/topology.ts'
import type { CommittedOffset } from '../consumer/offsets/committed-offsets.ts'
import type { AssignedPartition } from '../consumer/partition/assigned-partition.ts'
import type { Delivery } from '../consumer/reading/delivery.ts'
import type { KafkaError } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** A transaction that was not committed. */
export interface FailureNotice {
  /** How many failures in sequence, this one included. */
  readonly failures: number
  readonly error: KafkaError
}

export interface RoundsHost extends RetryClock {
  readonly runtime: Runtime
  readonly logger: Pick<Logger, 'warn' | 'debug'>
  /** All items in the application's hands. */
  readonly deliveries: Iterable<Delivery>
  /** The commits of the group, once no transaction is pending there; offset -1: none. */
  committed(places: readonly TopicPartition[], signal: AbortSignal): Promise<CommittedOffset[]>
  /** What is committed is not delivered again any more. */
  releaseKept(): void
  /** The partition may be fetched and delivered again. */
  ready(partition: AssignedPartition): void
  onCommitted(offsets: readonly (TopicPartition & { readonly offset: number })[], records: number): void
  /** A transaction was aborted, for whatever reason. */
  onAborted(): void
  /** It failed for another reason than its handlers, and is repeated. */
  onFailure(notice: FailureNotice): void
  onRetry(notice: TopicPartition & { offset: number; attempt: number; backoffMs: number; error: unknown }): void
  /** The processor cannot continue. */
  fail(error: KafkaError): void
}

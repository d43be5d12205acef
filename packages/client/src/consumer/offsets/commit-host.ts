import type { Cluster } from '../../cluster/cluster.ts'
import type { CoordinatorConnection } from '../../cluster/coordinator-connection.ts'
import type { TopicPartition } from '../../cluster/topology.ts'
import type { ErrorCode, KafkaError } from '../../errors.ts'
import type { GroupIdentity } from '../../group/membership.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'

export type CommitCluster = Pick<
  Cluster,
  | 'runtime'
  | 'options'
  | 'logger'
  | 'metrics'
  | 'closing'
  | 'topic'
  | 'refreshMetadata'
  | 'findCoordinator'
  | 'forgetCoordinator'
>

export interface CommittedOffset extends TopicPartition {
  readonly offset: number
}

/** What the sending of commits requires of the consumer. */
export interface CommitHost {
  readonly connection: CoordinatorConnection
  /** Of this moment: it is read when a request is written. */
  identity(): GroupIdentity
  /** No join is in flight: the identity is that of a completed rebalance. Also true for a consumer that is no member of a group. */
  isStable(): boolean
  /** The coordinator rejects commits of this member and generation. */
  fenced(code: ErrorCode, generation: number): void
  rebalanceSeen(generation: number): void
  onCommitted(offsets: readonly CommittedOffset[]): void
  /** The topic of this partition was deleted, or deleted and created again. */
  onRecreated(partition: AssignedPartition): void
  /** A commit that no call waits for failed. It is tried again. */
  onAutoFailure(error: KafkaError): void
}

import type { Broker, ConnectionPurpose } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { KafkaError } from '../errors.ts'
import type { AcquiredData, Acquisition } from './intake.ts'
import type { LossReason } from './locks.ts'
import type { SharePartition } from './share-partition.ts'
import type { ShareMemberName } from './share-requests.ts'

export type ShareCluster = Pick<
  Cluster,
  | 'runtime'
  | 'logger'
  | 'options'
  | 'broker'
  | 'topicById'
  | 'lookUpTopicIds'
  | 'refreshMetadata'
  | 'addBrokers'
  | 'updateLeaders'
>

/** What is fetched from one broker, and how much. */
export interface FetchTurn {
  readonly partitions: readonly SharePartition[]
  /** How many records may be acquired. They are reserved until `returnRoom`. */
  readonly maxRecords: number
  readonly maxWaitMs: number
}

/** A partition about which the broker reported an error. */
export interface PartitionFailure {
  readonly partition: SharePartition
  readonly errorCode: number
  readonly message: string | null
  readonly leader: { readonly leaderId: number; readonly leaderEpoch: number }
  readonly broker: Broker
}

/** What the loops of all brokers share. */
export interface ShareLoopHost {
  readonly cluster: ShareCluster
  readonly member: ShareMemberName
  readonly purpose: ConnectionPurpose
  readonly limits: { readonly minBytes: number; readonly maxBytes: number }
  /** The partitions of a broker that may be fetched now, without reserving room. */
  fetchable(brokerId: number, nowMs: number): readonly SharePartition[]
  /** Reserves room for records; 0: there is none, and the loop is woken once there is. */
  takeRoom(brokerId: number): number
  returnRoom(count: number): void
  /** The broker does not ask for room for now: others need not wait behind it. */
  leaveRoom(brokerId: number): void
  /** How long the broker may hold a fetch. */
  maxWaitMs(): number
  /** When the next partition of the broker may be fetched again, on `monoNow`. */
  nextResumeMs(brokerId: number, nowMs: number): number
  accept(data: AcquiredData, acquisition: Acquisition): Promise<void>
  /** The locks on a broker are gone: all, or those of one partition. */
  lost(brokerId: number, partition: SharePartition | undefined, reason: LossReason): void
  partitionFailed(failure: PartitionFailure): void
  /** A request did not reach the broker, or no response arrived. */
  brokerFailed(brokerId: number): void
  fatal(error: KafkaError): void
}

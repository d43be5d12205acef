import type { ClusterContext } from '../broker/cluster-context.ts'

/** A partition by the controller and its leader. */
export interface PartitionStatus {
  /** -1: no leader. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** During a reassignment: replicas being added, and those that are removed once all others are in sync. */
  readonly adding: readonly number[]
  readonly removing: readonly number[]
  /** Replicas outside the ISR that may become leader (KIP-966). */
  readonly elr: readonly number[]
  readonly logStartOffset: number
  /** The leader's; -1 without a leader. */
  readonly highWatermark: number
  readonly logEndOffset: number
}

export interface ReplicaStatus {
  readonly brokerId: number
  readonly isLeader: boolean
  readonly leaderEpoch: number
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly logEndOffset: number
}

/** Throws RangeError for an unknown partition. */
export function partitionStatus(cluster: ClusterContext, topic: string, partition: number): PartitionStatus {
  const image = cluster.controller.state.topic(topic)?.partitions[partition]
  if (image === undefined) throw new RangeError(`Topic '${topic}', partition ${partition} does not exist`)
  const { leader, leaderEpoch, replicas, isr, adding = [], removing = [], elr = [] } = image
  const log = cluster.broker(leader)?.replica(topic, partition)
  return {
    leader,
    leaderEpoch,
    replicas,
    isr,
    adding,
    removing,
    elr,
    logStartOffset: log?.logStartOffset ?? -1,
    highWatermark: log?.highWatermark ?? -1,
    logEndOffset: log?.logEndOffset ?? -1,
  }
}

/** Every replica in the state of its broker, including brokers that are down. */
export function replicaStatuses(cluster: ClusterContext, topic: string, partition: number): ReplicaStatus[] {
  return partitionStatus(cluster, topic, partition).replicas.flatMap((brokerId) => {
    const replica = cluster.broker(brokerId)?.replica(topic, partition)
    if (replica === undefined) return []
    const { isLeader, leaderEpoch, logStartOffset, highWatermark, logEndOffset } = replica
    return [{ brokerId, isLeader, leaderEpoch, logStartOffset, highWatermark, logEndOffset }]
  })
}

import type { ClusterContext } from './cluster-context.ts'

/** A partition as its leader and the controller see it. */
export interface PartitionStatus {
  /** -1: there is none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** While it moves: replicas that come, and those that go as soon as the others are in sync. */
  readonly adding: readonly number[]
  readonly removing: readonly number[]
  /** Who may lead beside the ISR (KIP-966). */
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

/** Throws RangeError when there is no such partition. */
export function partitionStatus(cluster: ClusterContext, topic: string, partition: number): PartitionStatus {
  const image = cluster.controller.state.topic(topic)?.partitions[partition]
  if (image === undefined) throw new RangeError(`there is no partition ${topic}-${partition}`)
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

/** Every replica as its broker has it, those of dead brokers too. */
export function replicaStatuses(cluster: ClusterContext, topic: string, partition: number): ReplicaStatus[] {
  return partitionStatus(cluster, topic, partition).replicas.flatMap((brokerId) => {
    const replica = cluster.broker(brokerId)?.replica(topic, partition)
    if (replica === undefined) return []
    const { isLeader, leaderEpoch, logStartOffset, highWatermark, logEndOffset } = replica
    return [{ brokerId, isLeader, leaderEpoch, logStartOffset, highWatermark, logEndOffset }]
  })
}

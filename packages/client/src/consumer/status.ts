import type { TopicPartition } from '../cluster/topology.ts'
import type { KafkaError } from '../errors.ts'
import type { MembershipState } from '../group/membership.ts'
import type { GroupMember } from './group-member.ts'
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

/** What `consumer.status()` reports. */
export interface ConsumerStatus {
  /** 'none': the consumer is no member of a group, because it has assigned partitions. */
  readonly membership: MembershipState | 'none'
  /** The member joins, or is about to; or it takes over what the group has assigned to it. */
  readonly rebalancing: boolean
  /** Whether this member assigned the partitions of the group. */
  readonly isLeader: boolean
  /** The member that did; undefined before the first assignment, and with the protocol of KIP-848. */
  readonly leaderId: string | undefined
}

export function membershipStatus(member: GroupMember | undefined): ConsumerStatus {
  if (member === undefined) return { membership: 'none', rebalancing: false, isLeader: false, leaderId: undefined }
  const { isRebalancing = false, leaderId, identity } = member.membership ?? {}
  const isLeader = leaderId !== undefined && leaderId === identity?.memberId
  return { membership: member.state, rebalancing: isRebalancing, isLeader, leaderId }
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

import type { TopicPartition } from '../cluster/topology.ts'
import type { AssignedPartition } from '../consumer/partition/assigned-partition.ts'
import { type Delivered, originOf } from '../group/origin.ts'
import { movedError } from './round-failure.ts'

/** An offset to commit with a transaction. */
export interface OffsetOfRound extends TopicPartition {
  readonly owner: AssignedPartition
  readonly offset: number
  readonly leaderEpoch: number
}

/** What is processed of these partitions and not committed yet. */
export function offsetsOf(partitions: Iterable<AssignedPartition>): OffsetOfRound[] {
  const offsets: OffsetOfRound[] = []
  for (const owner of partitions) {
    const pending = owner.owned ? owner.progress.pending(false) : undefined
    if (pending === undefined) continue
    const { topic, partition } = owner
    offsets.push({ topic, partition, owner, offset: pending.offset, leaderEpoch: pending.epoch })
  }
  return offsets
}

/** For `transaction.sendOffsets`, which names the member and refuses the offset once the partition is given up. */
export function deliveredOf({ topic, partition, owner, offset, leaderEpoch }: OffsetOfRound): Delivered {
  const { era, group } = owner
  const refusal = () => (owner.owned && owner.era === era ? undefined : movedError(owner))
  const origin = { topic, partition, leaderEpoch, group, nextOffset: offset, assignment: owner, refusal }
  // The consumer has no commits of its own.
  return { [originOf]: () => ({ ...origin, claim: () => {} }) }
}

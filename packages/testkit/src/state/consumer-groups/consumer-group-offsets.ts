import { GroupError } from '../coordinators/group-error.ts'
import { anyPartition, type Committer, type PartitionCheck } from '../offsets/offset-shard.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-group-member.ts'

/** Rejects unknown members and newer epochs. An older epoch may commit the partitions that the member already owned in it. */
export function checkCommit(group: ConsumerGroup, committer: Committer): PartitionCheck {
  const { memberId, groupInstanceId, memberEpoch, isTransactional, apiVersion } = committer
  if (memberEpoch < 0 && group.isEmpty) return anyPartition
  if (isTransactional && memberEpoch === -1 && memberId === '' && groupInstanceId === null) return anyPartition
  const member = group.member(memberId)
  if (!isTransactional && member.classic === null && apiVersion < 9) throw new GroupError('UNSUPPORTED_VERSION')
  if (memberEpoch === member.memberEpoch) return anyPartition
  const stale = (): GroupError => staleError(member, isTransactional)
  if (memberEpoch > member.memberEpoch) throw stale()
  return (topicId, partition) => {
    const assignedIn =
      member.assigned.get(topicId)?.get(partition) ?? member.pendingRevocation.get(topicId)?.get(partition)
    if (assignedIn === undefined || memberEpoch < assignedIn) throw stale()
  }
}

/** Checks the member if the request names one, which it can since version 9. */
export function checkFetch(group: ConsumerGroup, memberId: string | null, memberEpoch: number): void {
  if (memberId === null && memberEpoch < 0) return
  // Kafka fails with this error on an epoch without a member id.
  if (memberId === null) throw new GroupError('UNKNOWN_SERVER_ERROR')
  const member = group.member(memberId)
  if (member.memberEpoch !== memberEpoch) throw staleError(member, false)
}

/** Transactions and classic members only have generations. */
function staleError({ classic }: ConsumerMember, isTransactional: boolean): GroupError {
  return new GroupError(classic !== null || isTransactional ? 'ILLEGAL_GENERATION' : 'STALE_MEMBER_EPOCH')
}

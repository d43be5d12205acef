import { GroupError } from '../coordinators/group-error.ts'
import { anyPartition, type Committer, type PartitionCheck } from '../offsets/offset-shard.ts'
import type { StreamsGroup } from './streams-group.ts'

/** Rejects unknown members and newer epochs. An older epoch may commit the partitions of tasks that it already had. */
export function checkStreamsCommit(
  group: StreamsGroup,
  committer: Committer,
  topicName: (topicId: string) => string | undefined,
): PartitionCheck {
  const { memberId, groupInstanceId, memberEpoch, isTransactional, apiVersion } = committer
  if (memberEpoch < 0 && group.isEmpty) return anyPartition
  if (isTransactional && memberEpoch === -1 && memberId === '' && groupInstanceId === null) return anyPartition
  const { tasks, pendingRevocation, memberEpoch: known } = group.member(memberId)
  if (!isTransactional && apiVersion < 9) throw new GroupError('UNSUPPORTED_VERSION')
  if (memberEpoch === known) return anyPartition
  const stale = (): GroupError => new GroupError(isTransactional ? 'ILLEGAL_GENERATION' : 'STALE_MEMBER_EPOCH')
  if (memberEpoch > known) throw stale()
  return (topicId, partition) => {
    const id = group.subtopologyOf(topicName(topicId) ?? '')?.subtopologyId ?? ''
    const assignedIn = tasks.active.get(id)?.get(partition) ?? pendingRevocation.active.get(id)?.get(partition)
    if (assignedIn === undefined || memberEpoch < assignedIn) throw stale()
  }
}

/** Checks the member if the request names one, which it can since version 9. */
export function checkStreamsFetch(group: StreamsGroup, memberId: string | null, memberEpoch: number): void {
  if (memberId === null && memberEpoch < 0) return
  if (memberId === null) throw new GroupError('UNKNOWN_SERVER_ERROR')
  if (group.member(memberId).memberEpoch !== memberEpoch) throw new GroupError('STALE_MEMBER_EPOCH')
}

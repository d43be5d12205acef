import { GroupError } from '../groups/group-error.ts'
import type { StreamsGroup } from '../streams-groups/streams-group.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-group-member.ts'

/** Who commits, as OffsetCommit and TxnOffsetCommit say it. */
export interface Committer {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly memberEpoch: number
  readonly isTransactional: boolean
  readonly apiVersion: number
}

/** Refuses the commit of a partition by its topic's id. */
export type CommitCheck = (topicId: string, partition: number) => void

const anyPartition: CommitCheck = () => {}

/** Refuses who is no member or is of an epoch that cannot be; an older epoch is good for what it had then already. */
export function checkCommit(group: ConsumerGroup, committer: Committer): CommitCheck {
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

/** The same for a streams group, where what a member has are the tasks that read the partitions. */
export function checkStreamsCommit(
  group: StreamsGroup,
  committer: Committer,
  topicName: (topicId: string) => string | undefined,
): CommitCheck {
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

export function checkStreamsFetch(group: StreamsGroup, memberId: string | null, memberEpoch: number): void {
  if (memberId === null && memberEpoch < 0) return
  if (memberId === null) throw new GroupError('UNKNOWN_SERVER_ERROR')
  if (group.member(memberId).memberEpoch !== memberEpoch) throw new GroupError('STALE_MEMBER_EPOCH')
}

/** Since version 9 a member may say who it is. */
export function checkFetch(group: ConsumerGroup, memberId: string | null, memberEpoch: number): void {
  if (memberId === null && memberEpoch < 0) return
  // Kafka fails on a member without an id.
  if (memberId === null) throw new GroupError('UNKNOWN_SERVER_ERROR')
  const member = group.member(memberId)
  if (member.memberEpoch !== memberEpoch) throw staleError(member, false)
}

/** A transaction knows of generations only. */
function staleError({ classic }: ConsumerMember, isTransactional: boolean): GroupError {
  return new GroupError(classic !== null || isTransactional ? 'ILLEGAL_GENERATION' : 'STALE_MEMBER_EPOCH')
}

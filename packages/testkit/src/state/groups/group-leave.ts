import { type Decoded, type Encodable, type ErrorName, errorCode, type LeaveGroup } from '@ottla/codec'
import { leaveConsumerGroup } from '../consumer-groups/consumer-group-classic.ts'
import type { ClassicGroup } from './group.ts'
import { completeJoinPhaseIfAllIn, rebalanceOrCompleteJoin, removeMember } from './group-rebalance.ts'
import { type GroupShard, sessionKey } from './group-shard.ts'

export type LeavingMember = Decoded<typeof LeaveGroup.request>['members'][number]
export type MemberResult = NonNullable<Encodable<typeof LeaveGroup.response>['members']>[number]

/** Takes members out at their own wish, or at an administrator's: then by instance id alone. */
export function leaveGroup(shard: GroupShard, groupId: string, leaving: readonly LeavingMember[]): MemberResult[] {
  const consumers = shard.consumerGroups.get(groupId)
  if (consumers !== undefined) {
    const { results, operation } = leaveConsumerGroup(shard, consumers, leaving)
    operation.write(() => {})
    return results
  }
  const group = shard.groups.get(groupId)
  const results = leaving.map(({ memberId, groupInstanceId }) => {
    const error = group ? leave(shard, group, memberId, groupInstanceId) : 'UNKNOWN_MEMBER_ID'
    return { memberId, groupInstanceId, errorCode: error ? errorCode(error) : 0 }
  })
  if (group && results.some((result) => result.errorCode === 0)) {
    if (group.state === 'Stable' || group.state === 'CompletingRebalance') rebalanceOrCompleteJoin(shard, group)
    else completeJoinPhaseIfAllIn(shard, group)
  }
  return results
}

function leave(
  shard: GroupShard,
  group: ClassicGroup,
  memberId: string,
  groupInstanceId: string | null,
): ErrorName | undefined {
  if (memberId === '') {
    const holder = groupInstanceId === null ? undefined : group.staticMemberId(groupInstanceId)
    const member = holder === undefined ? undefined : group.members.get(holder)
    if (!member) return 'UNKNOWN_MEMBER_ID'
    removeMember(shard, group, member)
    return undefined
  }
  if (group.pendingJoinMembers.has(memberId)) {
    group.remove(memberId)
    shard.timers.cancel(sessionKey(group, memberId))
    return undefined
  }
  const error = group.validateMember(memberId, groupInstanceId)
  if (error) return error
  const member = group.members.get(memberId)
  if (member) removeMember(shard, group, member)
  return undefined
}

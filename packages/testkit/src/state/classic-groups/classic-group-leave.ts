import { type ErrorName, errorCode } from '@ottla/codec'
import type { LeaveResult, LeavingMember } from '../coordinators/classic-protocol.ts'
import type { ClassicGroup } from './classic-group.ts'
import { completeJoinPhaseIfAllIn, rebalanceOrCompleteJoin, removeMember } from './classic-group-rebalance.ts'
import { type ClassicGroupShard, sessionKey } from './classic-group-shard.ts'

/** Removes members. An administrator names a static member by its instance id alone. */
export function leaveClassicGroup(
  shard: ClassicGroupShard,
  groupId: string,
  leaving: readonly LeavingMember[],
): LeaveResult[] {
  const group = shard.classicGroups.get(groupId)
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
  shard: ClassicGroupShard,
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

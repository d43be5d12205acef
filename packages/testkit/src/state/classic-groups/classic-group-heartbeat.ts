import type { ErrorName } from '@ottla/codec'
import type { ClassicHeartbeatBody } from '../coordinators/classic-protocol.ts'
import { keepAlive } from './classic-group-rebalance.ts'
import type { ClassicGroupShard } from './classic-group-shard.ts'

/** Returns undefined when the member's generation is current. */
export function heartbeatClassicGroup(shard: ClassicGroupShard, body: ClassicHeartbeatBody): ErrorName | undefined {
  const group = shard.classicGroups.get(body.groupId)
  if (!group) return 'UNKNOWN_MEMBER_ID'
  const error = group.validateMember(body.memberId, body.groupInstanceId)
  if (error) return error
  if (body.generationId !== group.generationId) return 'ILLEGAL_GENERATION'
  const member = group.members.get(body.memberId)
  if (!member || group.state === 'Empty') return 'UNKNOWN_MEMBER_ID'
  keepAlive(shard, group, member.memberId, member.sessionTimeoutMs)
  return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined
}

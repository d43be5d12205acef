import type { Decoded, ErrorName, Heartbeat } from '@ottla/codec'
import { heartbeatToConsumerGroup } from '../consumer-groups/consumer-group-classic.ts'
import { keepAlive } from './group-rebalance.ts'
import type { GroupShard } from './group-shard.ts'

/** A heartbeat: no error means the generation goes on. */
export function heartbeat(shard: GroupShard, body: Decoded<typeof Heartbeat.request>): ErrorName | undefined {
  if (body.groupId === '') return 'INVALID_GROUP_ID'
  const consumers = shard.consumerGroups.get(body.groupId)
  if (consumers !== undefined) return heartbeatToConsumerGroup(shard, consumers, body)
  const group = shard.groups.get(body.groupId)
  if (!group) return 'UNKNOWN_MEMBER_ID'
  const error = group.validateMember(body.memberId, body.groupInstanceId)
  if (error) return error
  if (body.generationId !== group.generationId) return 'ILLEGAL_GENERATION'
  const member = group.members.get(body.memberId)
  if (!member || group.state === 'Empty') return 'UNKNOWN_MEMBER_ID'
  keepAlive(shard, group, member.memberId, member.sessionTimeoutMs)
  return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined
}

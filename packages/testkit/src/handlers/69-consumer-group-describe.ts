import { ConsumerGroupDescribe, errorCode } from '@ottla/codec'
import { describeConsumerGroup, noConsumerGroup } from '../state/consumer-groups/consumer-group-describe.ts'
import { type Handler, serves } from './handler.ts'
import { allOperations } from './support.ts'

const handle: Handler<typeof ConsumerGroupDescribe> = ({ broker }, request) => {
  const withOperations = request.includeAuthorizedOperations && { authorizedOperations: allOperations.group }
  const groups = request.groupIds.map((groupId) => {
    if (groupId === '') return noConsumerGroup(groupId, errorCode('INVALID_GROUP_ID'), null)
    const shard = broker.services.groups.shardOf(groupId)
    if (typeof shard === 'string') return noConsumerGroup(groupId, errorCode(shard), null)
    const described = describeConsumerGroup(shard, groupId)
    return described.errorCode === 0 ? { ...described, ...withOperations } : described
  })
  return { throttleTimeMs: 0, groups }
}

export const consumerGroupDescribeHandler = serves(ConsumerGroupDescribe, { min: 0, max: 1 }, handle)

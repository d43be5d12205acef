import { errorCode, StreamsGroupDescribe } from '@ottla/codec'
import { describeStreamsGroup, noStreamsGroup } from '../state/streams-groups/streams-group-describe.ts'
import { type Handler, serves } from './handler.ts'
import { allOperations } from './support.ts'

const handle: Handler<typeof StreamsGroupDescribe> = ({ broker }, request) => {
  const withOperations = request.includeAuthorizedOperations && { authorizedOperations: allOperations.group }
  const groups = request.groupIds.map((groupId) => {
    if (groupId === '') return noStreamsGroup(groupId, errorCode('INVALID_GROUP_ID'), null)
    const shard = broker.services.groups.shardOf(groupId)
    if (typeof shard === 'string') return noStreamsGroup(groupId, errorCode(shard), null)
    const described = describeStreamsGroup(shard, groupId)
    return described.errorCode === 0 ? { ...described, ...withOperations } : described
  })
  return { throttleTimeMs: 0, groups }
}

export const streamsGroupDescribeHandler = serves(StreamsGroupDescribe, { min: 0, max: 0 }, handle)

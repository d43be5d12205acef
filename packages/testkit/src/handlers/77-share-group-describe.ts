import { type Encodable, ShareGroupDescribe } from '@ottla/codec'
import type { ShareMember } from '../state/shares/share-group.ts'
import { isFailure, toldOf } from '../state/shares/share-group-service.ts'
import { failed, type ShareFailure } from '../state/shares/share-state-shard.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allOperations, noOperations } from './support.ts'

type Described = Encodable<typeof ShareGroupDescribe.response>['groups'][number]

const handle: Handler<typeof ShareGroupDescribe> = (context, { groupIds, includeAuthorizedOperations }) => ({
  throttleTimeMs: 0,
  groups: groupIds.map((groupId) => {
    const described = describe(context, groupId)
    if (!includeAuthorizedOperations || described.errorCode !== 0) return described
    return { ...described, authorizedOperations: allOperations.group }
  }),
})

function describe({ broker }: HandlerContext, groupId: string): Described {
  if (groupId === '') return { ...refused(groupId, failed('INVALID_GROUP_ID')), errorMessage: null }
  const { groups, shareGroups } = broker.services
  const shard = groups.shardOf(groupId)
  if (typeof shard === 'string') return refused(groupId, failed(shard))
  const group = shareGroups.find(shard, groupId)
  if (isFailure(group)) return refused(groupId, group)
  const { state, groupEpoch, assignmentEpoch, members } = group
  return {
    ...{ errorCode: 0, errorMessage: null, groupId, groupState: state, groupEpoch, assignmentEpoch },
    assignorName: 'simple',
    members: Array.from(members.values(), (member) => memberOf(member, (id) => shareGroups.view.topicById(id)?.name)),
    authorizedOperations: noOperations,
  }
}

function memberOf(member: ShareMember, nameOf: (topicId: string) => string | undefined): Described['members'][number] {
  const { memberId, rackId, memberEpoch, clientId, clientHost, topics, assigned } = member
  const topicPartitions = [...assigned].flatMap(([topicId, partitions]) => {
    const topicName = nameOf(topicId)
    const inOrder = [...partitions].sort((a, b) => a - b)
    return topicName === undefined ? [] : [{ topicId, topicName, partitions: inOrder }]
  })
  return {
    ...{ memberId, rackId, memberEpoch, clientId, clientHost },
    subscribedTopicNames: [...topics].sort(),
    assignment: { topicPartitions },
  }
}

function refused(groupId: string, failure: ShareFailure): Described {
  return {
    ...{ ...toldOf(failure), groupId, groupState: '', groupEpoch: 0, assignmentEpoch: 0 },
    ...{ assignorName: '', members: [], authorizedOperations: noOperations },
  }
}

export const shareGroupDescribeHandler = serves(ShareGroupDescribe, { min: 1, max: 1 }, handle)

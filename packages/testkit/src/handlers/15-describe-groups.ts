import { DescribeGroups, errorCode } from '@ottla/codec'
import { describeGroup, noGroup } from '../state/classic-groups/classic-group-describe.ts'
import { type Handler, serves } from './handler.ts'
import { allOperations } from './support.ts'

const handle: Handler<typeof DescribeGroups> = ({ broker, apiVersion }, request) => {
  const withOperations = request.includeAuthorizedOperations && { authorizedOperations: allOperations.group }
  const groups = request.groups.map((groupId) => {
    const shard = broker.services.groups.shardOf(groupId)
    if (typeof shard === 'string') return noGroup(groupId, errorCode(shard))
    const described = describeGroup(shard, groupId, apiVersion)
    return described.errorCode === 0 ? { ...described, ...withOperations } : described
  })
  return { throttleTimeMs: 0, groups }
}

export const describeGroupsHandler = serves(DescribeGroups, { min: 0, max: 6 }, handle)

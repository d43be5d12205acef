import { DescribeGroups, errorCode } from '@ottla/codec'
import { describeGroup, noGroup } from '../state/classic-groups/classic-group-describe.ts'
import { type Handler, serves } from './handler.ts'

/** What may be done to a group, as bits of Kafka's AclOperation: read, delete, describe, and configs of it. */
export const allGroupOperations = (1 << 3) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 11)

const handle: Handler<typeof DescribeGroups> = ({ broker, apiVersion }, request) => {
  const withOperations = request.includeAuthorizedOperations && { authorizedOperations: allGroupOperations }
  const groups = request.groups.map((groupId) => {
    const shard = broker.services.groups.shardOf(groupId)
    if (typeof shard === 'string') return noGroup(groupId, errorCode(shard))
    const described = describeGroup(shard, groupId, apiVersion)
    return described.errorCode === 0 ? { ...described, ...withOperations } : described
  })
  return { throttleTimeMs: 0, groups }
}

export const describeGroupsHandler = serves(DescribeGroups, { min: 0, max: 6 }, handle)

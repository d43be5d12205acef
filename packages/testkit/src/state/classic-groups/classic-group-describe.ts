import { type DescribeGroups, type Encodable, errorCode } from '@ottla/codec'
import { NO_BYTES } from '../coordinators/classic-protocol.ts'
import type { ClassicGroupShard } from './classic-group-shard.ts'

export type DescribedGroup = Encodable<typeof DescribeGroups.response>['groups'][number]

/** A group as DescribeGroups returns it. Before version 6 a missing group is Dead, without an error. */
export function describeGroup(shard: ClassicGroupShard, groupId: string, apiVersion: number): DescribedGroup {
  const group = shard.classicGroups.get(groupId)
  if (!group) {
    const message = shard.hasGroup(groupId) ? `Group ${groupId} is not a classic group.` : `Group ${groupId} not found.`
    return {
      ...noGroup(groupId, apiVersion >= 6 ? errorCode('GROUP_ID_NOT_FOUND') : 0),
      errorMessage: apiVersion >= 6 ? message : null,
      groupState: 'Dead',
    }
  }
  const isStable = group.state === 'Stable'
  return {
    errorCode: 0,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? member.metadata(group.protocolName) : NO_BYTES,
      memberAssignment: member.assignment,
    })),
  }
}

/** The result for a group that cannot be described. */
export function noGroup(groupId: string, code: number): DescribedGroup {
  return { errorCode: code, groupId, groupState: '', protocolType: '', protocolData: '', members: [] }
}

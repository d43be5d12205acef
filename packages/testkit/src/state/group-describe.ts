import { type DescribeGroups, type Encodable, errorCode, type ListGroups } from '@ottla/codec'
import type { ClassicGroup } from './group.ts'
import { NO_BYTES } from './group-member.ts'
import type { GroupShard } from './group-shard.ts'

export type DescribedGroup = Encodable<typeof DescribeGroups.response>['groups'][number]
export type ListedGroup = Encodable<typeof ListGroups.response>['groups'][number]

/** A group as DescribeGroups shows it. Before v6 a group that is not there looks dead, without an error. */
export function describeGroup(shard: GroupShard, groupId: string, apiVersion: number): DescribedGroup {
  const group = shard.groups.get(groupId)
  if (!group) {
    return {
      ...noGroup(groupId, apiVersion >= 6 ? errorCode('GROUP_ID_NOT_FOUND') : 0),
      errorMessage: apiVersion >= 6 ? `Group ${groupId} not found.` : null,
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

/** The answer for a group that cannot be described. */
export function noGroup(groupId: string, code: number): DescribedGroup {
  return { errorCode: code, groupId, groupState: '', protocolType: '', protocolData: '', members: [] }
}

export function listGroup(group: ClassicGroup): ListedGroup {
  return {
    groupId: group.groupId,
    protocolType: group.protocolType ?? '',
    groupState: group.state,
    groupType: 'classic',
  }
}

import { type DescribeGroups, type Encodable, errorCode, type ListGroups } from '@ottla/codec'
import { NO_BYTES } from './group-member.ts'
import type { GroupShard } from './group-shard.ts'

export type DescribedGroup = Encodable<typeof DescribeGroups.response>['groups'][number]
export type ListedGroup = Encodable<typeof ListGroups.response>['groups'][number]

/** A group as DescribeGroups shows it. Before v6 a group that is not there looks dead, without an error. */
export function describeGroup(shard: GroupShard, groupId: string, apiVersion: number): DescribedGroup {
  const group = shard.groups.get(groupId)
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

/** The answer for a group that cannot be described. */
export function noGroup(groupId: string, code: number): DescribedGroup {
  return { errorCode: code, groupId, groupState: '', protocolType: '', protocolData: '', members: [] }
}

/** All groups of a shard, of any protocol. */
export function listGroups(shard: GroupShard): ListedGroup[] {
  const classic = [...shard.groups.values()].map((group) => ({
    groupId: group.groupId,
    protocolType: group.protocolType ?? '',
    groupState: group.state,
    groupType: 'classic',
  }))
  const consumers = [...shard.consumerGroups.values()].map(({ groupId, state }) => ({
    groupId,
    protocolType: 'consumer',
    groupState: state,
    groupType: 'consumer',
  }))
  const streams = [...shard.streamsGroups.values()].map(({ groupId, state }) => ({
    groupId,
    protocolType: 'streams',
    groupState: state,
    groupType: 'streams',
  }))
  const shares = [...shard.shares.groups.values()].map(({ groupId, state }) => ({
    groupId,
    protocolType: 'share',
    groupState: state,
    groupType: 'share',
  }))
  return [...classic, ...consumers, ...streams, ...shares]
}

import type { ConsumerGroupHeartbeat, Decoded, Encodable } from '@ottla/codec'
import type { MemberClient } from '../coordinators/classic-protocol.ts'
import { writeErrorForMember } from '../coordinators/coordinator-log.ts'
import { catchGroupError, GroupError } from '../coordinators/group-error.ts'
import {
  LEAVING_EPOCH,
  noPartitions,
  type OwnedPartitions,
  STATIC_LEAVING_EPOCH,
  sameOwned,
  sameSet,
} from '../coordinators/member-partitions.ts'
import { numbersInHashOrder, uuidsInHashOrder } from '../java-order.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { type MemberUpdate, reconcileMember, updateGroupEpoch, updateTarget } from './consumer-group-assign.ts'
import type { ConsumerGroupConfig } from './consumer-group-config.ts'
import { fenceMembers, keepMemberAlive } from './consumer-group-fence.ts'
import { type ConsumerMember, sameMetadata } from './consumer-group-member.ts'
import { claimMember, newMemberId, throwIfFenced } from './consumer-group-members.ts'
import { currentChange, memberChange } from './consumer-group-records.ts'
import { updateRegexes } from './consumer-group-regex.ts'
import { type ConsumerGroupOperation, type ConsumerGroupShard, newOperation } from './consumer-group-shard.ts'

export type HeartbeatBody = Decoded<typeof ConsumerGroupHeartbeat.request>
export type HeartbeatResponse = Encodable<typeof ConsumerGroupHeartbeat.response>

/** Handles a ConsumerGroupHeartbeat. Responds once its changes are replicated. */
export function consumerGroupHeartbeat(
  shard: ConsumerGroupShard,
  body: HeartbeatBody,
  client: MemberClient,
  respond: (response: HeartbeatResponse) => void,
): void {
  const operation = newOperation(shard)
  const response = catchGroupError<HeartbeatResponse>(() => {
    const isLeaving = body.memberEpoch === LEAVING_EPOCH || body.memberEpoch === STATIC_LEAVING_EPOCH
    return isLeaving ? leave(shard, body, operation) : joinOrStay(shard, body, client, operation)
  }, errorResponse)
  if (response.errorCode !== 0) {
    respond(response)
    return
  }
  operation.write((error) => respond(error ? errorResponse(new GroupError(writeErrorForMember(error))) : response))
}

export const errorResponse = ({ code, detail }: GroupError): HeartbeatResponse => ({
  throttleTimeMs: 0,
  errorCode: code,
  errorMessage: detail,
  memberId: null,
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
  assignment: null,
})

const isBlank = (text: string | null): boolean => text !== null && text.trim() === ''

/** Rejects a request that is invalid regardless of the group's state. */
export function throwIfInvalid(body: HeartbeatBody, apiVersion: number, { assignors }: ConsumerGroupConfig): void {
  const throwIf = (isWrong: boolean, message: string): void => {
    if (isWrong) throw new GroupError('INVALID_REQUEST', message)
  }
  const { memberEpoch, memberId } = body
  // Since version 1 the client generates its member id.
  const needsId = apiVersion >= 1 || memberEpoch > 0 || memberEpoch === LEAVING_EPOCH
  throwIf(needsId && isBlank(memberId), "MemberId can't be empty.")
  throwIf(isBlank(body.groupId), "GroupId can't be empty.")
  throwIf(isBlank(body.instanceId), "InstanceId can't be empty.")
  throwIf(isBlank(body.rackId), "RackId can't be empty.")
  if (memberEpoch === 0) {
    throwIf(body.rebalanceTimeoutMs === -1, 'RebalanceTimeoutMs must be provided in first request.')
    throwIf(body.topicPartitions?.length !== 0, 'TopicPartitions must be empty when (re-)joining.')
    throwIf(
      body.subscribedTopicNames === null && body.subscribedTopicRegex === null,
      'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.',
    )
  }
  throwIf(memberEpoch === STATIC_LEAVING_EPOCH && body.instanceId === null, "InstanceId can't be null.")
  throwIf(memberEpoch < STATIC_LEAVING_EPOCH, 'MemberEpoch is invalid.')
  if (body.serverAssignor !== null && !assignors.includes(body.serverAssignor)) {
    const supported = assignors.join(', ')
    const message = `ServerAssignor ${body.serverAssignor} is not supported. Supported assignors: ${supported}.`
    throw new GroupError('UNSUPPORTED_ASSIGNOR', message)
  }
}

function joinOrStay(
  shard: ConsumerGroupShard,
  body: HeartbeatBody,
  client: MemberClient,
  operation: ConsumerGroupOperation,
): HeartbeatResponse {
  const { groupId, memberEpoch, instanceId } = body
  const isJoining = memberEpoch === 0
  const group = groupFor(shard, groupId, isJoining, operation)
  throwIfFull(shard, group, body.memberId)
  const memberId = body.memberId === '' ? newMemberId(shard.runtime) : body.memberId
  const reported = body.topicPartitions
  const claim = { memberId, memberEpoch, instanceId, reported, isJoining, isClassic: false }
  const member = claimMember(group, claim, operation)
  const update = { member, updated: withRequest(member, body, client) }
  const hasNames = updateMember(group, update, operation)
  const regexes = updateRegexes(shard, group, update, operation)
  const hasSubscriptionChanged = hasNames || regexes !== 'no change'
  const epoch = updateGroupEpoch(shard, group, update, hasNames || regexes === 'updated and resolved', operation)
  const target = updateTarget(shard, group, update, epoch, operation)
  const now = reconcileMember(shard, group, update.updated, { ...target, hasSubscriptionChanged, reported }, operation)
  keepMemberAlive(shard, groupId, now)
  const isFull =
    body.rebalanceTimeoutMs !== -1 &&
    (body.subscribedTopicNames !== null || body.subscribedTopicRegex !== null) &&
    reported !== null
  const sendsAssignment = isJoining || isFull || !sameOwned(member.assigned, now.assigned)
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    errorMessage: null,
    memberId: now.memberId,
    memberEpoch: now.memberEpoch,
    heartbeatIntervalMs: shard.consumerConfig(groupId).heartbeatIntervalMs,
    assignment: sendsAssignment ? { topicPartitions: listed(now.assigned) } : null,
  }
}

/** The group of a heartbeat. A joining member creates it or upgrades the classic group of that id. */
function groupFor(
  shard: ConsumerGroupShard,
  groupId: string,
  isJoining: boolean,
  operation: ConsumerGroupOperation,
): ConsumerGroup {
  const known = shard.consumerGroups.get(groupId)
  if (known !== undefined) return known
  if (!shard.hasGroup(groupId)) {
    if (isJoining) return new ConsumerGroup(groupId)
    throw new GroupError('GROUP_ID_NOT_FOUND', `Consumer group ${groupId} not found.`)
  }
  if (isJoining && shard.deleteEmptyClassicGroup(groupId, operation)) return new ConsumerGroup(groupId)
  const upgraded = isJoining ? shard.migration.upgrade(groupId, operation) : undefined
  if (upgraded !== undefined) return upgraded
  throw new GroupError('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a consumer group.`)
}

export function throwIfFull(shard: ConsumerGroupShard, group: ConsumerGroup, memberId: string): void {
  const { maxSize } = shard.consumerConfig(group.groupId)
  if (group.members.size < maxSize || group.members.has(memberId)) return
  const message = `The consumer group has reached its maximum capacity of ${maxSize} members.`
  throw new GroupError('GROUP_MAX_SIZE_REACHED', message)
}

/** The member with the fields of the request; fields that it leaves out are unchanged. */
function withRequest(member: ConsumerMember, body: HeartbeatBody, client: MemberClient): ConsumerMember {
  return {
    ...member,
    instanceId: body.instanceId ?? member.instanceId,
    rackId: body.rackId ?? member.rackId,
    rebalanceTimeoutMs: body.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : body.rebalanceTimeoutMs,
    serverAssignor: body.serverAssignor ?? member.serverAssignor,
    subscribedTopicNames:
      body.subscribedTopicNames === null ? member.subscribedTopicNames : new Set(body.subscribedTopicNames),
    subscribedTopicRegex: body.subscribedTopicRegex ?? member.subscribedTopicRegex,
    clientId: client.clientId,
    clientHost: client.clientHost,
    classic: null,
  }
}

/** Writes a changed member; true when the topics that it names have changed. */
export function updateMember(
  group: ConsumerGroup,
  { member, updated }: MemberUpdate,
  operation: ConsumerGroupOperation,
) {
  if (sameMetadata(member, updated)) return false
  operation.add(memberChange(group.groupId, updated))
  return !sameSet(member.subscribedTopicNames, updated.subscribedTopicNames)
}

function listed(owned: OwnedPartitions) {
  return uuidsInHashOrder(owned.keys()).map((topicId) => ({
    topicId,
    partitions: numbersInHashOrder(owned.get(topicId)?.keys() ?? []),
  }))
}

function leave(shard: ConsumerGroupShard, body: HeartbeatBody, operation: ConsumerGroupOperation): HeartbeatResponse {
  const { groupId, memberId, memberEpoch, instanceId } = body
  const group = leftGroup(shard, groupId)
  const response = { ...errorResponse(new GroupError('NONE')), memberId, memberEpoch }
  if (instanceId === null) {
    fenceMembers(shard, group, [group.member(memberId)], operation)
    return response
  }
  const member = group.staticMember(instanceId)
  if (member === undefined) throw new GroupError('UNKNOWN_MEMBER_ID', `Instance id ${instanceId} is unknown.`)
  throwIfFenced(member, memberId, instanceId)
  if (memberEpoch === LEAVING_EPOCH) {
    fenceMembers(shard, group, [member], operation)
    return response
  }
  const assigned = new Map(
    [...member.assigned].map(([topicId, each]) => [topicId, new Map([...each.keys()].map((at) => [at, 0]))]),
  )
  operation.add(
    currentChange(groupId, { ...member, memberEpoch: STATIC_LEAVING_EPOCH, assigned, pendingRevocation: noPartitions }),
  )
  return response
}

function leftGroup(shard: ConsumerGroupShard, groupId: string): ConsumerGroup {
  const group = shard.consumerGroups.get(groupId)
  if (group !== undefined) return group
  const message = shard.hasGroup(groupId) ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`
  throw new GroupError('GROUP_ID_NOT_FOUND', message)
}

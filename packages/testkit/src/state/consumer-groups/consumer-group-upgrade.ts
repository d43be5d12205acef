import { errorCode } from '@ottla/codec'
import { type ClassicGroup, joinError } from '../groups/group.ts'
import { GroupError } from '../groups/group-error.ts'
import { type GroupMember, NO_BYTES } from '../groups/group-member.ts'
import type { GroupOperation } from '../groups/group-operation.ts'
import { groupTombstone } from '../groups/group-records.ts'
import type { GroupShard } from '../groups/group-shard.ts'
import { metadataHash } from '../groups/group-topics.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { allowsUpgrade } from './consumer-group-config.ts'
import { keepMemberAlive } from './consumer-group-fence.ts'
import {
  type ConsumerMember,
  newConsumerMember,
  noPartitions,
  type Partitions,
  withEpoch,
} from './consumer-group-member.ts'
import { currentChange, epochChange, memberChange, targetChange, targetEpochChange } from './consumer-group-records.ts'
import { readAssignment, readSubscription } from './consumer-protocol.ts'

/** The group that a heartbeat is for. Who joins makes it, if need be out of a classic one. */
export function consumerGroupFor(
  shard: GroupShard,
  groupId: string,
  isJoining: boolean,
  operation: GroupOperation,
): ConsumerGroup {
  const known = shard.consumerGroups.get(groupId)
  if (known !== undefined) return known
  const classic = shard.groups.get(groupId)
  if (classic === undefined) {
    if (shard.hasGroup(groupId)) throw notConsumer(groupId)
    if (isJoining) return new ConsumerGroup(groupId)
    throw new GroupError('GROUP_ID_NOT_FOUND', `Consumer group ${groupId} not found.`)
  }
  if (!isJoining) throw notConsumer(groupId)
  if (classic.state === 'Empty') {
    operation.addRecord(groupTombstone(groupId), () => shard.removeGroup(classic))
    return new ConsumerGroup(groupId)
  }
  refuseUpgrade(shard, classic)
  return convertToConsumer(shard, classic, operation)
}

const notConsumer = (groupId: string): GroupError =>
  new GroupError('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a consumer group.`)

function refuseUpgrade(shard: GroupShard, { groupId, members, protocolType }: ClassicGroup): void {
  const { migrationPolicy, maxSize } = shard.consumerConfig(groupId)
  const refuse = (because: string): never => {
    throw new GroupError(
      'GROUP_ID_NOT_FOUND',
      `Cannot upgrade classic group ${groupId} to consumer group because ${because}.`,
    )
  }
  if (!allowsUpgrade(migrationPolicy)) refuse('online upgrade is disabled')
  if (protocolType !== 'consumer') refuse('the group does not use the consumer embedded protocol')
  if (members.size > maxSize) refuse('the group size exceeds the consumer group maximum size')
}

/** The members stay with what they have; those of the classic protocol take part through JoinGroup as before. */
function convertToConsumer(shard: GroupShard, classic: ClassicGroup, operation: GroupOperation): ConsumerGroup {
  const { groupId, generationId } = classic
  const again = errorCode('REBALANCE_IN_PROGRESS')
  for (const member of classic.members.values()) {
    classic.completeJoin(member, joinError('REBALANCE_IN_PROGRESS', member.memberId))
    classic.completeSync(member, { errorCode: again, assignment: NO_BYTES })
  }
  const converted = [...classic.members.values()].map((member) => convertMember(shard, classic, member))
  const group = new ConsumerGroup(groupId)
  for (const { member } of converted) group.put(member)
  const changes = [
    ...converted.map(({ member }) => memberChange(groupId, member)),
    epochChange(groupId, generationId, metadataHash(shard.topics, group.subscribedTopics().keys())),
    ...converted.map(({ member, target }) => targetChange(groupId, member.memberId, target)),
    targetEpochChange(groupId, generationId, 0),
    ...converted.map(({ member }) => currentChange(groupId, member)),
  ]
  for (const change of changes) change.apply(group)
  operation.addRecord(groupTombstone(groupId), () => shard.removeGroup(classic))
  operation.add(...changes)
  for (const { member } of converted) keepMemberAlive(shard, groupId, member)
  return group
}

function convertMember(shard: GroupShard, classic: ClassicGroup, member: GroupMember) {
  const { groupId, generationId, protocolName } = classic
  if (protocolName === null) throw new GroupError('UNKNOWN_SERVER_ERROR')
  const subscription = readSubscription(member.metadata(protocolName))
  const target = member.assignment.length === 0 ? noPartitions : assignedTo(shard, groupId, member)
  if (subscription === undefined) throw malformed(groupId)
  const converted: ConsumerMember = {
    ...newConsumerMember(member.memberId),
    memberEpoch: generationId,
    previousMemberEpoch: generationId,
    instanceId: member.groupInstanceId,
    rackId: subscription.rackId || null,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: new Set(subscription.topics),
    assigned: withEpoch(target, generationId),
    classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols },
  }
  return { member: converted, target }
}

function assignedTo(shard: GroupShard, groupId: string, member: GroupMember): Partitions {
  const assignment = readAssignment(member.assignment)
  if (assignment === undefined) throw malformed(groupId)
  if (assignment.userData !== null && assignment.userData.length > 0) {
    throw new GroupError(
      'GROUP_ID_NOT_FOUND',
      `Cannot upgrade classic group ${groupId} to consumer group because an unsupported custom assignor is in use. ` +
        'Please refer to the documentation or switch to a default assignor before re-attempting the upgrade.',
    )
  }
  return new Map(
    assignment.assignedPartitions.flatMap(({ topic, partitions }) => {
      const id = shard.topics.topic(topic)?.id
      return id === undefined ? [] : [[id, new Set(partitions)] as const]
    }),
  )
}

const malformed = (groupId: string): GroupError =>
  new GroupError(
    'GROUP_ID_NOT_FOUND',
    `Cannot upgrade classic group ${groupId} to consumer group because the embedded consumer protocol is malformed.`,
  )

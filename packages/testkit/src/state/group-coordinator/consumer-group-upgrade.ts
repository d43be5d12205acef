import type { ClassicGroup } from '../classic-groups/classic-group.ts'
import type { GroupMember } from '../classic-groups/classic-group-member.ts'
import { groupTombstone } from '../classic-groups/classic-group-records.ts'
import { type ClassicGroupShard, removeGroup } from '../classic-groups/classic-group-shard.ts'
import { ConsumerGroup } from '../consumer-groups/consumer-group.ts'
import { allowsUpgrade } from '../consumer-groups/consumer-group-config.ts'
import { keepMemberAlive } from '../consumer-groups/consumer-group-fence.ts'
import { type ConsumerMember, newConsumerMember } from '../consumer-groups/consumer-group-member.ts'
import {
  currentChange,
  epochChange,
  memberChange,
  targetChange,
  targetEpochChange,
} from '../consumer-groups/consumer-group-records.ts'
import type { ConsumerGroupOperation, ConsumerGroupShard } from '../consumer-groups/consumer-group-shard.ts'
import { readAssignment, readSubscription } from '../consumer-groups/consumer-protocol.ts'
import { joinError, syncError } from '../coordinators/classic-protocol.ts'
import { GroupError } from '../coordinators/group-error.ts'
import { metadataHash } from '../coordinators/group-topics.ts'
import { noPartitions, type Partitions, withEpoch } from '../coordinators/member-partitions.ts'

function throwIfUpgradeInvalid(
  shard: ClassicGroupShard & ConsumerGroupShard,
  { groupId, members, protocolType }: ClassicGroup,
): void {
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

/** Converts a classic group with members. They keep their assignment, and rejoin with the classic protocol. */
export function upgradeToConsumerGroup(
  shard: ClassicGroupShard & ConsumerGroupShard,
  groupId: string,
  operation: ConsumerGroupOperation,
): ConsumerGroup | undefined {
  const classic = shard.classicGroups.get(groupId)
  if (classic === undefined) return undefined
  throwIfUpgradeInvalid(shard, classic)
  const { generationId } = classic
  for (const member of classic.members.values()) {
    classic.completeJoin(member, joinError('REBALANCE_IN_PROGRESS', member.memberId))
    classic.completeSync(member, syncError('REBALANCE_IN_PROGRESS'))
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
  operation.addRecord(groupTombstone(groupId), () => removeGroup(shard, classic))
  operation.add(...changes)
  for (const { member } of converted) keepMemberAlive(shard, groupId, member)
  return group
}

function convertMember(shard: ClassicGroupShard & ConsumerGroupShard, classic: ClassicGroup, member: GroupMember) {
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

function assignedTo(shard: ClassicGroupShard & ConsumerGroupShard, groupId: string, member: GroupMember): Partitions {
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

import { type ConsumerGroupDescribe, type Encodable, errorCode } from '@ottla/codec'
import type { GroupTopics } from '../coordinators/group-topics.ts'
import { noPartitions, type Partitions, withoutEpochs } from '../coordinators/member-partitions.ts'
import { numbersInHashOrder, stringsInHashOrder, uuidsInHashOrder } from '../java-order.ts'
import type { ConsumerMember } from './consumer-group-member.ts'
import type { ConsumerGroupShard } from './consumer-group-shard.ts'

export type DescribedConsumerGroup = Encodable<typeof ConsumerGroupDescribe.response>['groups'][number]
type DescribedMember = DescribedConsumerGroup['members'][number]

/** A group as ConsumerGroupDescribe returns it. */
export function describeConsumerGroup(shard: ConsumerGroupShard, groupId: string): DescribedConsumerGroup {
  const group = shard.consumerGroups.get(groupId)
  if (group === undefined) {
    const message = shard.hasGroup(groupId)
      ? `Group ${groupId} is not a consumer group.`
      : `Group ${groupId} not found.`
    return noConsumerGroup(groupId, errorCode('GROUP_ID_NOT_FOUND'), message)
  }
  return {
    errorCode: 0,
    errorMessage: null,
    groupId,
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.preferredAssignor() ?? shard.consumerConfig(groupId).assignors[0] ?? '',
    members: [...group.members.values()].map((member) =>
      describeMember(shard.topics, member, group.targets.get(member.memberId)),
    ),
  }
}

export function noConsumerGroup(groupId: string, code: number, message: string | null): DescribedConsumerGroup {
  return {
    errorCode: code,
    errorMessage: message,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  }
}

function describeMember(topics: GroupTopics, member: ConsumerMember, target: Partitions | undefined): DescribedMember {
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: stringsInHashOrder(member.subscribedTopicNames),
    subscribedTopicRegex: member.subscribedTopicRegex,
    // Partitions that it has not revoked yet are still part of its assignment.
    assignment: { topicPartitions: listed(topics, withPending(member)) },
    targetAssignment: { topicPartitions: listed(topics, inOrder(target)) },
    memberType: member.classic === null ? 1 : 0,
  }
}

function inOrder(target: Partitions = noPartitions): Map<string, readonly number[]> {
  return new Map([...target].map(([topicId, partitions]) => [topicId, numbersInHashOrder(partitions)]))
}

function withPending({ assigned, pendingRevocation }: ConsumerMember): Map<string, Iterable<number>> {
  const all = new Map<string, number[]>()
  for (const partitions of [withoutEpochs(assigned), withoutEpochs(pendingRevocation)]) {
    for (const [topicId, each] of partitions) {
      all.set(topicId, [...(all.get(topicId) ?? []), ...numbersInHashOrder(each)])
    }
  }
  return all
}

function listed(topics: GroupTopics, partitions: ReadonlyMap<string, Iterable<number>>) {
  return uuidsInHashOrder(partitions.keys()).flatMap((topicId) => {
    const topicName = topics.topicById(topicId)?.name
    return topicName === undefined ? [] : { topicId, topicName, partitions: [...(partitions.get(topicId) ?? [])] }
  })
}

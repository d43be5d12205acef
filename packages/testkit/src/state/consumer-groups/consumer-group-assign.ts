import { metadataHash } from '../coordinators/group-topics.ts'
import { noPartitions, type Partitions, samePartitions } from '../coordinators/member-partitions.ts'
import { type ConsumerGroup, isHomogeneous } from './consumer-group.ts'
import type { AssignorMember } from './consumer-group-assignment.ts'
import { serverAssignors } from './consumer-group-assignors.ts'
import { limitRevocation } from './consumer-group-fence.ts'
import { type ConsumerMember, regexOf, sameAssignment } from './consumer-group-member.ts'
import { type ReportedPartitions, reconcile } from './consumer-group-reconcile.ts'
import { currentChange, epochChange, targetChange, targetEpochChange } from './consumer-group-records.ts'
import { type ConsumerGroupOperation, type ConsumerGroupShard, cancelMemberTimer } from './consumer-group-shard.ts'

/** The maximum age of the metadata hash: Integer.MAX_VALUE, as in Kafka. */
const METADATA_REFRESH_MS = 2_147_483_647

/** A member before and after its request. */
export interface MemberUpdate {
  readonly member: ConsumerMember
  readonly updated: ConsumerMember
}

/** The state of the group after the request. */
export interface GroupEpoch {
  readonly groupEpoch: number
  readonly isHomogeneous: boolean
}

function isMetadataExpired(group: ConsumerGroup, nowMs: number): boolean {
  return nowMs >= group.metadataDeadline.ms || group.groupEpoch < group.metadataDeadline.epoch
}

/** Increments the group epoch when the subscriptions or the subscribed topics have changed. */
export function updateGroupEpoch(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  { member, updated }: MemberUpdate,
  hasSubscriptionChanged: boolean,
  operation: ConsumerGroupOperation,
): GroupEpoch {
  if (!hasSubscriptionChanged && !isMetadataExpired(group, shard.nowMs())) return group
  const change = { replaced: member, by: updated }
  const topics = group.subscribedTopics(change)
  const hash = metadataHash(shard.topics, topics.keys())
  const isNew = !group.members.has(updated.memberId) && group.staticMemberId(updated.instanceId) === undefined
  const count = group.members.size + (isNew ? 1 : 0)
  let { groupEpoch } = group
  if (hasSubscriptionChanged || hash !== group.metadataHash) {
    groupEpoch++
    operation.add(epochChange(group.groupId, groupEpoch, hash))
  }
  group.metadataDeadline = { ms: shard.nowMs() + METADATA_REFRESH_MS, epoch: groupEpoch }
  return { groupEpoch, isHomogeneous: isHomogeneous(group.regexCounts(member, updated), topics, count) }
}

export interface Target {
  readonly targetEpoch: number
  readonly target: Partitions
}

/** Computes a new assignment for a newer group epoch, unless the minimum assignment interval has not elapsed. */
export function updateTarget(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  update: MemberUpdate,
  epoch: GroupEpoch,
  operation: ConsumerGroupOperation,
): Target {
  const { updated } = update
  const last = { targetEpoch: group.assignmentEpoch, target: group.targetOf(updated) }
  if (group.assignmentEpoch >= epoch.groupEpoch) return last
  const nowMs = shard.nowMs()
  const { assignmentIntervalMs, assignors } = shard.consumerConfig(group.groupId)
  const isFirst = group.assignmentTimestampMs === 0
  if (!isFirst && nowMs < group.assignmentTimestampMs + assignmentIntervalMs) return last
  const assignor = serverAssignors.get(group.preferredAssignor(update.member, updated) ?? assignors[0] ?? 'uniform')
  const members = assignorMembers(shard, group, updated)
  const assignment = assignor?.({
    members,
    isHomogeneous: epoch.isHomogeneous,
    partitionCount: (topicId) => shard.topics.topicById(topicId)?.partitions.length ?? 0,
    isTargeted: (topicId, partition) => group.isTargeted(topicId, partition),
  })
  for (const memberId of members.keys()) {
    const target = assignment?.get(memberId) ?? noPartitions
    const before = group.targets.get(memberId)
    if (before !== undefined && samePartitions(before, target)) continue
    operation.add(targetChange(group.groupId, memberId, target))
  }
  operation.add(targetEpochChange(group.groupId, epoch.groupEpoch, nowMs))
  return { targetEpoch: epoch.groupEpoch, target: assignment?.get(updated.memberId) ?? noPartitions }
}

function assignorMembers(shard: ConsumerGroupShard, group: ConsumerGroup, updated: ConsumerMember) {
  const members = new Map<string, AssignorMember>()
  const add = (member: ConsumerMember, target: Partitions): void => {
    const { memberId, instanceId } = member
    members.set(memberId, { memberId, instanceId, topicIds: subscribedTopicIds(shard, group, member), target })
  }
  for (const member of group.members.values()) add(member, group.targets.get(member.memberId) ?? noPartitions)
  // A restarted static member takes over the target of its predecessor.
  const previous = group.staticMemberId(updated.instanceId)
  const isReplacing = previous !== undefined && previous !== updated.memberId
  add(updated, group.targets.get(isReplacing ? previous : updated.memberId) ?? noPartitions)
  if (isReplacing) members.delete(previous)
  return members
}

/** The existing topics that the member subscribes to by name or by its regular expression. */
function subscribedTopicIds(shard: ConsumerGroupShard, group: ConsumerGroup, member: ConsumerMember): Set<string> {
  const regex = regexOf(member)
  const matched = regex === undefined ? undefined : group.resolvedRegexes.get(regex)?.topics
  const ids = new Set<string>()
  for (const name of [...member.subscribedTopicNames, ...(matched ?? [])]) {
    const id = shard.topics.topic(name)?.id
    if (id !== undefined) ids.add(id)
  }
  return ids
}

/** Reconciles the member with its target, and starts the timer for partitions that it has to revoke. */
export function reconcileMember(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  member: ConsumerMember,
  options: Target & { readonly hasSubscriptionChanged: boolean; readonly reported: ReportedPartitions | null },
  operation: ConsumerGroupOperation,
): ConsumerMember {
  const reconciled = reconcile(member, {
    ...options,
    subscribedTopicIds: subscribedTopicIds(shard, group, member),
    ownerEpoch: (topicId, partition) => group.ownerEpoch(topicId, partition),
  })
  if (reconciled === member || sameAssignment(member, reconciled)) return reconciled
  operation.add(currentChange(group.groupId, reconciled))
  if (reconciled.classic !== null) return reconciled
  if (reconciled.state === 'UNREVOKED_PARTITIONS') limitRevocation(shard, group.groupId, reconciled)
  else cancelMemberTimer(shard, 'rebalance', group.groupId, reconciled.memberId)
  return reconciled
}

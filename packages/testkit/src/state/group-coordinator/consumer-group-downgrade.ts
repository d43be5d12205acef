import { ClassicGroup } from '../classic-groups/classic-group.ts'
import { GroupMember } from '../classic-groups/classic-group-member.ts'
import { keepAlive, prepareRebalance } from '../classic-groups/classic-group-rebalance.ts'
import { groupRecord } from '../classic-groups/classic-group-records.ts'
import type { ClassicGroupShard } from '../classic-groups/classic-group-shard.ts'
import type { ConsumerGroup } from '../consumer-groups/consumer-group.ts'
import type { ConsumerMember } from '../consumer-groups/consumer-group-member.ts'
import { groupTombstones } from '../consumer-groups/consumer-group-records.ts'
import {
  type ConsumerGroupOperation,
  type ConsumerGroupShard,
  cancelMemberTimers,
  type Downgrade,
} from '../consumer-groups/consumer-group-shard.ts'
import { writeAssignment } from '../consumer-groups/consumer-protocol.ts'
import { noPartitions } from '../coordinators/member-partitions.ts'

/** Converts a consumer group to a classic one, whose assignment is the target of the consumer group. */
export function downgradeToClassicGroup(
  shard: ClassicGroupShard & ConsumerGroupShard,
  group: ConsumerGroup,
  { leaving, joining, rebalances }: Downgrade,
  operation: ConsumerGroupOperation,
): void {
  const gone = new Set(leaving.map(({ memberId }) => memberId))
  const replaced = joining && group.staticMember(joining.instanceId)
  if (replaced !== undefined) gone.add(replaced.memberId)
  const staying = [...group.members.values()].filter(({ memberId }) => !gone.has(memberId))
  if (joining !== undefined) staying.push(joining)
  const members = staying.map(classicMember)
  const snapshot = {
    generation: group.groupEpoch,
    protocolType: 'consumer',
    protocolName: null,
    leaderId: members[0]?.memberId ?? null,
    stateTimestampMs: shard.nowMs(),
    members,
  }
  const protocolName = ClassicGroup.restore(group.groupId, snapshot).selectProtocol()
  for (const member of members) {
    const holder = member.memberId === joining?.memberId ? replaced?.memberId : member.memberId
    const target = (holder === undefined ? undefined : group.targets.get(holder)) ?? noPartitions
    member.assignment = writeAssignment(shard.topics, target, member.metadata(protocolName))
  }
  const classic = ClassicGroup.restore(group.groupId, { ...snapshot, protocolName })
  // The records of the replaced static member already belong to the joining one.
  const memberIds = [...group.members.keys()].map((id) =>
    id === replaced?.memberId && joining ? joining.memberId : id,
  )
  operation.add(...groupTombstones(group, memberIds))
  const assignments = new Map(members.map(({ memberId, assignment }) => [memberId, assignment]))
  operation.addRecord(groupRecord(classic, assignments), () => {
    for (const memberId of [...group.members.keys(), ...memberIds]) cancelMemberTimers(shard, group.groupId, memberId)
    shard.consumerGroups.delete(group.groupId)
    shard.classicGroups.set(group.groupId, classic)
    for (const member of members) keepAlive(shard, classic, member.memberId, member.sessionTimeoutMs)
    if (rebalances) prepareRebalance(shard, classic)
  })
}

function classicMember(member: ConsumerMember): GroupMember {
  return new GroupMember({
    memberId: member.memberId,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    sessionTimeoutMs: member.classic?.sessionTimeoutMs ?? 0,
    protocolType: 'consumer',
    protocols: member.classic?.protocols ?? [],
  })
}

import { ClassicGroup } from '../groups/group.ts'
import { GroupMember } from '../groups/group-member.ts'
import type { GroupOperation } from '../groups/group-operation.ts'
import { keepAlive, prepareRebalance } from '../groups/group-rebalance.ts'
import { groupRecord } from '../groups/group-records.ts'
import type { GroupShard } from '../groups/group-shard.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { allowsDowngrade } from './consumer-group-config.ts'
import { type ConsumerMember, noPartitions } from './consumer-group-member.ts'
import { groupGone } from './consumer-group-records.ts'
import { cancelMemberTimers } from './consumer-group-timers.ts'
import { writeAssignment } from './consumer-protocol.ts'

/** Only members of the classic protocol are left, and the group may go back to it. */
export function mayDowngradeWithout(
  shard: GroupShard,
  group: ConsumerGroup,
  leaving: readonly ConsumerMember[],
): boolean {
  const stay = group.members.size - leaving.length
  const classic = group.classicMemberCount - leaving.filter((member) => member.classic !== null).length
  if (stay <= 0 || classic !== stay || stay > shard.config.maxSize) return false
  return allowsDowngrade(shard.consumerConfig(group.groupId).migrationPolicy)
}

export interface Downgrade {
  readonly leaving: readonly ConsumerMember[]
  /** A static member that comes back with the classic protocol, in the place of the one that had its instance id. */
  readonly joining?: ConsumerMember
  readonly rebalances: boolean
}

/** The group goes on as a classic one, with the assignment that the consumer group had as its target. */
export function convertToClassic(
  shard: GroupShard,
  group: ConsumerGroup,
  { leaving, joining, rebalances }: Downgrade,
  operation: GroupOperation,
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
  // The log says at this point already that the member that joins has the place of the one before.
  const memberIds = [...group.members.keys()].map((id) =>
    id === replaced?.memberId && joining ? joining.memberId : id,
  )
  operation.add(...groupGone(group, memberIds))
  const assignments = new Map(members.map(({ memberId, assignment }) => [memberId, assignment]))
  operation.addRecord(groupRecord(classic, assignments), () => {
    for (const memberId of [...group.members.keys(), ...memberIds]) cancelMemberTimers(shard, group.groupId, memberId)
    shard.consumerGroups.delete(group.groupId)
    shard.groups.set(group.groupId, classic)
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

import { type Decoded, decodeMessage, GroupMetadataKey, GroupMetadataValue } from '@ottla/codec'
import { type CoordinatorRecord, int16, prefixed } from '../coordinators/coordinator-record.ts'
import { ClassicGroup } from './classic-group.ts'
import { GroupMember } from './classic-group-member.ts'

/** Kafka's record type: the first two bytes of a key. */
const GROUP_METADATA = 2

const GROUP_METADATA_VALUE_VERSION = 3

/** The record of the group, with new assignments: those of the members are set once the record is committed. */
export function groupRecord(group: ClassicGroup, assignments: ReadonlyMap<string, Uint8Array>): CoordinatorRecord {
  const value = prefixed(GROUP_METADATA_VALUE_VERSION, GroupMetadataValue, GROUP_METADATA_VALUE_VERSION, {
    protocolType: group.protocolType ?? '',
    generation: group.generationId,
    protocol: group.protocolName,
    leader: group.leaderId,
    currentStateTimestamp: BigInt(group.stateTimestampMs ?? -1),
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: member.metadata(group.protocolName),
      assignment: assignments.get(member.memberId) ?? new Uint8Array(0),
    })),
  })
  return { key: groupKey(group.groupId), value }
}

export function groupTombstone(groupId: string): CoordinatorRecord {
  return { key: groupKey(groupId), value: null }
}

/** Applies a record read from the log; false for other records. */
export function replayGroup(groups: Map<string, ClassicGroup>, { key, value }: CoordinatorRecord): boolean {
  if (int16(key) !== GROUP_METADATA) return false
  const groupId = decodeMessage(GroupMetadataKey, 0, key.subarray(2)).group
  if (value === null) {
    groups.delete(groupId)
    return true
  }
  const decoded = decodeMessage(GroupMetadataValue, int16(value), value.subarray(2))
  const group = ClassicGroup.restore(groupId, {
    generation: decoded.generation,
    protocolType: decoded.protocolType === '' ? null : decoded.protocolType,
    protocolName: decoded.protocol,
    leaderId: decoded.leader,
    stateTimestampMs: decoded.currentStateTimestamp === -1n ? undefined : Number(decoded.currentStateTimestamp),
    members: decoded.members.map((member) => restoredMember(decoded, member)),
  })
  groups.set(groupId, group)
  return true
}

type GroupValue = Decoded<typeof GroupMetadataValue>

function restoredMember(group: GroupValue, member: GroupValue['members'][number]): GroupMember {
  return new GroupMember({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout,
    sessionTimeoutMs: member.sessionTimeout,
    protocolType: group.protocolType,
    protocols: [{ name: group.protocol ?? '', metadata: new Uint8Array(member.subscription) }],
    assignment: new Uint8Array(member.assignment),
  })
}

function groupKey(group: string): Uint8Array {
  return prefixed(GROUP_METADATA, GroupMetadataKey, 0, { group })
}

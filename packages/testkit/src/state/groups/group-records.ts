import {
  type Decoded,
  decodeMessage,
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
  zeroUuid,
} from '@ottla/codec'
import { type GroupRecord, int16, prefixed } from '../coordinators/coordinator-record.ts'
import { applyShare, decodeShare, isShareRecord } from '../shares/share-group-records.ts'
import { ClassicGroup } from './group.ts'
import { GroupMember } from './group-member.ts'
import type { GroupShard } from './group-shard.ts'
import type { CommittedOffset } from './offsets.ts'

// Kafka's record types: the first two bytes of a key. 0 is what OffsetCommit was before 0.9.
const OFFSET_COMMIT_V0 = 0
const OFFSET_COMMIT = 1
const GROUP_METADATA = 2

const GROUP_METADATA_VALUE_VERSION = 3
const OFFSET_COMMIT_VALUE_VERSION = 4
/** The only version that carries an expiry of its own. */
const OFFSET_COMMIT_VALUE_WITH_EXPIRY = 1

/** The group as it is now, with the assignments given: the members' own are set only once this is committed. */
export function groupRecord(group: ClassicGroup, assignments: ReadonlyMap<string, Uint8Array>): GroupRecord {
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

export function groupTombstone(groupId: string): GroupRecord {
  return { key: groupKey(groupId), value: null }
}

export function offsetRecord(group: string, topic: string, partition: number, offset: CommittedOffset): GroupRecord {
  const expires = offset.expireTimestampMs !== undefined
  const version = expires ? OFFSET_COMMIT_VALUE_WITH_EXPIRY : OFFSET_COMMIT_VALUE_VERSION
  const value = prefixed(version, OffsetCommitValue, version, {
    offset: offset.offset,
    leaderEpoch: offset.leaderEpoch,
    metadata: offset.metadata,
    commitTimestamp: BigInt(offset.commitTimestampMs),
    expireTimestamp: BigInt(offset.expireTimestampMs ?? -1),
    topicId: offset.topicId ?? zeroUuid,
  })
  return { key: prefixed(OFFSET_COMMIT, OffsetCommitKey, 0, { group, topic, partition }), value }
}

export function offsetTombstone(group: string, topic: string, partition: number): GroupRecord {
  return { key: prefixed(OFFSET_COMMIT, OffsetCommitKey, 0, { group, topic, partition }), value: null }
}

/** Applies a record read back from the log; with a producer it waits for the end of its transaction. Records of kinds that are not known here change nothing. */
export function replay(shard: GroupShard, record: GroupRecord, producerId?: bigint): void {
  const type = int16(record.key)
  if (type === OFFSET_COMMIT || type === OFFSET_COMMIT_V0) {
    const { group, topic, partition } = decodeMessage(OffsetCommitKey, 0, record.key.subarray(2))
    replayOffset(shard, { group, topic, partition }, record.value, producerId)
  } else if (type === GROUP_METADATA) {
    replayGroup(shard, decodeMessage(GroupMetadataKey, 0, record.key.subarray(2)).group, record.value)
  } else if (isShareRecord(record)) applyShare(shard.shares, decodeShare(record))
}

function replayOffset(
  shard: GroupShard,
  { group, topic, partition }: { readonly group: string; readonly topic: string; readonly partition: number },
  value: Uint8Array | null,
  producerId: bigint | undefined,
): void {
  const { latest, committed } = shard.offsets
  if (value === null) {
    shard.offsets.supersede(group, topic, partition)
    latest.remove(group, topic, partition)
    committed.remove(group, topic, partition)
    return
  }
  // Offsets without a group are those of a consumer that only stores them here: a group without a protocol.
  if (!shard.hasGroup(group)) shard.createGroup(group)
  const decoded = decodeMessage(OffsetCommitValue, int16(value), value.subarray(2))
  const offset: CommittedOffset = {
    offset: decoded.offset,
    leaderEpoch: decoded.leaderEpoch,
    metadata: decoded.metadata,
    commitTimestampMs: Number(decoded.commitTimestamp),
    expireTimestampMs: decoded.expireTimestamp === -1n ? undefined : Number(decoded.expireTimestamp),
    topicId: decoded.topicId === zeroUuid ? null : decoded.topicId,
  }
  if (producerId !== undefined) {
    shard.offsets.putPending(producerId, { groupId: group, topic, partition, offset })
    return
  }
  shard.offsets.supersede(group, topic, partition)
  latest.put(group, topic, partition, offset)
  committed.put(group, topic, partition, offset)
}

function replayGroup(shard: GroupShard, groupId: string, value: Uint8Array | null): void {
  if (value === null) {
    shard.groups.delete(groupId)
    return
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
  shard.groups.set(groupId, group)
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

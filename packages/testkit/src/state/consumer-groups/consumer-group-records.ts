import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
  type Decoded,
  decodeMessage,
} from '@ottla/codec'
import { type CoordinatorRecord, int16, prefixed } from '../coordinators/coordinator-record.ts'
import { noPartitions, type OwnedPartitions, type Partitions } from '../coordinators/member-partitions.ts'
import type { ConsumerGroup, ResolvedRegex } from './consumer-group.ts'
import type { ConsumerMember, ConsumerMemberState } from './consumer-group-member.ts'

// Kafka's record types: the first two bytes of a key.
const GROUP = 3
const MEMBER = 5
const TARGET_EPOCH = 6
const TARGET = 7
const CURRENT = 8
const REGEX = 16

const stateCodes: Readonly<Record<ConsumerMemberState, number>> = {
  STABLE: 0,
  UNREVOKED_PARTITIONS: 1,
  UNRELEASED_PARTITIONS: 2,
  UNKNOWN: 127,
}

/** A record of a consumer group with its effect on the group, for writing and for reading. */
export interface ConsumerGroupChange {
  readonly groupId: string
  readonly record: CoordinatorRecord
  /** False for tombstones, which have no effect on a missing group. */
  readonly createsGroup: boolean
  /** The tombstone of the group itself. */
  readonly deletesGroup: boolean
  readonly apply: (group: ConsumerGroup) => void
}

function change(
  groupId: string,
  record: CoordinatorRecord,
  apply: (group: ConsumerGroup) => void,
  deletesGroup = false,
): ConsumerGroupChange {
  return { groupId, record, apply, createsGroup: record.value !== null, deletesGroup }
}

const groupKey = (groupId: string): Uint8Array => prefixed(GROUP, ConsumerGroupMetadataKey, 0, { groupId })
const memberKey = (groupId: string, memberId: string): Uint8Array =>
  prefixed(MEMBER, ConsumerGroupMemberMetadataKey, 0, { groupId, memberId })
const targetKey = (groupId: string, memberId: string): Uint8Array =>
  prefixed(TARGET, ConsumerGroupTargetAssignmentMemberKey, 0, { groupId, memberId })
const targetEpochKey = (groupId: string): Uint8Array =>
  prefixed(TARGET_EPOCH, ConsumerGroupTargetAssignmentMetadataKey, 0, { groupId })
const currentKey = (groupId: string, memberId: string): Uint8Array =>
  prefixed(CURRENT, ConsumerGroupCurrentMemberAssignmentKey, 0, { groupId, memberId })
const regexKey = (groupId: string, regularExpression: string): Uint8Array =>
  prefixed(REGEX, ConsumerGroupRegularExpressionKey, 0, { groupId, regularExpression })

export function epochChange(groupId: string, epoch: number, metadataHash: bigint): ConsumerGroupChange {
  const value = prefixed(0, ConsumerGroupMetadataValue, 0, { epoch, metadataHash })
  return change(groupId, { key: groupKey(groupId), value }, setEpoch(epoch, metadataHash))
}

export function memberChange(groupId: string, member: ConsumerMember): ConsumerGroupChange {
  const value = prefixed(0, ConsumerGroupMemberMetadataValue, 0, {
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...member.subscribedTopicNames].sort(),
    subscribedTopicRegex: member.subscribedTopicRegex,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: member.serverAssignor,
    classicMemberMetadata: member.classic && {
      sessionTimeoutMs: member.classic.sessionTimeoutMs,
      supportedProtocols: member.classic.protocols.map(({ name, metadata }) => ({ name, metadata })),
    },
  })
  return change(groupId, { key: memberKey(groupId, member.memberId), value }, setMember(member))
}

export function targetChange(groupId: string, memberId: string, target: Partitions): ConsumerGroupChange {
  const topicPartitions = [...target].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] }))
  const value = prefixed(0, ConsumerGroupTargetAssignmentMemberValue, 0, { topicPartitions })
  return change(groupId, { key: targetKey(groupId, memberId), value }, (group) => group.setTarget(memberId, target))
}

export function targetEpochChange(groupId: string, assignmentEpoch: number, timestampMs: number): ConsumerGroupChange {
  const assignmentTimestamp = BigInt(timestampMs)
  const value = prefixed(0, ConsumerGroupTargetAssignmentMetadataValue, 0, { assignmentEpoch, assignmentTimestamp })
  return change(groupId, { key: targetEpochKey(groupId), value }, setTargetEpoch(assignmentEpoch, timestampMs))
}

export function currentChange(groupId: string, member: ConsumerMember): ConsumerGroupChange {
  const value = prefixed(0, ConsumerGroupCurrentMemberAssignmentValue, 0, {
    memberEpoch: member.memberEpoch,
    previousMemberEpoch: member.previousMemberEpoch,
    state: stateCodes[member.state],
    assignedPartitions: listed(member.assigned),
    partitionsPendingRevocation: listed(member.pendingRevocation),
  })
  return change(groupId, { key: currentKey(groupId, member.memberId), value }, setCurrent(member.memberId, member))
}

export function regexChange(groupId: string, regex: string, resolved: ResolvedRegex): ConsumerGroupChange {
  const value = prefixed(0, ConsumerGroupRegularExpressionValue, 0, {
    topics: [...resolved.topics].sort(),
    version: BigInt(resolved.version),
    timestamp: BigInt(resolved.timestampMs),
  })
  const apply = (group: ConsumerGroup): void => void group.resolvedRegexes.set(regex, resolved)
  return change(groupId, { key: regexKey(groupId, regex), value }, apply)
}

export function regexTombstone(groupId: string, regex: string): ConsumerGroupChange {
  const apply = (group: ConsumerGroup): void => void group.resolvedRegexes.delete(regex)
  return change(groupId, { key: regexKey(groupId, regex), value: null }, apply)
}

/** The tombstones of a member. */
export function memberTombstones(groupId: string, memberId: string): ConsumerGroupChange[] {
  return [currentTombstone(groupId, memberId), targetTombstone(groupId, memberId), metadataTombstone(groupId, memberId)]
}

/** The tombstones of a group and its members. */
export function groupTombstones(group: ConsumerGroup, memberIds: readonly string[] = [...group.members.keys()]) {
  const { groupId } = group
  return [
    ...memberIds.map((memberId) => currentTombstone(groupId, memberId)),
    ...memberIds.map((memberId) => targetTombstone(groupId, memberId)),
    change(groupId, { key: targetEpochKey(groupId), value: null }, setTargetEpoch(-1, 0)),
    ...memberIds.map((memberId) => metadataTombstone(groupId, memberId)),
    ...[...group.resolvedRegexes.keys()].map((regex) => regexTombstone(groupId, regex)),
    change(groupId, { key: groupKey(groupId), value: null }, () => {}, true),
  ]
}

const currentTombstone = (groupId: string, memberId: string): ConsumerGroupChange =>
  change(groupId, { key: currentKey(groupId, memberId), value: null }, (group) => {
    const member = group.members.get(memberId)
    const nothing = {
      memberEpoch: -1,
      previousMemberEpoch: -1,
      assigned: noPartitions,
      pendingRevocation: noPartitions,
    }
    if (member !== undefined) group.put({ ...member, ...nothing })
  })
const targetTombstone = (groupId: string, memberId: string): ConsumerGroupChange =>
  change(groupId, { key: targetKey(groupId, memberId), value: null }, (group) => group.setTarget(memberId, null))
const metadataTombstone = (groupId: string, memberId: string): ConsumerGroupChange =>
  change(groupId, { key: memberKey(groupId, memberId), value: null }, (group) => group.remove(memberId))

const setEpoch = (epoch: number, metadataHash: bigint) => (group: ConsumerGroup) => {
  group.groupEpoch = epoch
  group.metadataHash = metadataHash
}

const setTargetEpoch = (epoch: number, timestampMs: number) => (group: ConsumerGroup) => {
  group.assignmentEpoch = epoch
  group.assignmentTimestampMs = timestampMs
}

type MemberMetadata = Omit<
  ConsumerMember,
  'memberEpoch' | 'previousMemberEpoch' | 'state' | 'assigned' | 'pendingRevocation'
>

const setMember = (metadata: MemberMetadata) => (group: ConsumerGroup) => {
  const { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = group.memberOrNew(metadata.memberId)
  group.put({ ...metadata, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation })
}

type Assignment = Pick<
  ConsumerMember,
  'memberEpoch' | 'previousMemberEpoch' | 'state' | 'assigned' | 'pendingRevocation'
>

const setCurrent = (memberId: string, assignment: Assignment) => (group: ConsumerGroup) => {
  const { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = assignment
  group.put({
    ...group.memberOrNew(memberId),
    memberEpoch,
    previousMemberEpoch,
    state,
    assigned,
    pendingRevocation,
  })
}

function listed(owned: OwnedPartitions) {
  return [...owned].map(([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()],
    assignmentEpochs: [...partitions.values()],
  }))
}

// ---- reading -----------------------------------------------------------------------------------------------------------

/** The change of a record read from the log; undefined for records of other kinds. */
export function readConsumerGroupChange(record: CoordinatorRecord): ConsumerGroupChange | undefined {
  const { value } = record
  const key = record.key.subarray(2)
  const body = value?.subarray(2)
  switch (int16(record.key)) {
    case GROUP: {
      const { groupId } = decodeMessage(ConsumerGroupMetadataKey, 0, key)
      if (body === undefined) return change(groupId, record, () => {}, true)
      const { epoch, metadataHash } = decodeMessage(ConsumerGroupMetadataValue, 0, body)
      return change(groupId, record, setEpoch(epoch, metadataHash))
    }
    case MEMBER: {
      const { groupId, memberId } = decodeMessage(ConsumerGroupMemberMetadataKey, 0, key)
      if (body === undefined) return metadataTombstone(groupId, memberId)
      const read = readMember(memberId, decodeMessage(ConsumerGroupMemberMetadataValue, 0, body))
      return change(groupId, record, setMember(read))
    }
    case TARGET: {
      const { groupId, memberId } = decodeMessage(ConsumerGroupTargetAssignmentMemberKey, 0, key)
      if (body === undefined) return targetTombstone(groupId, memberId)
      const { topicPartitions } = decodeMessage(ConsumerGroupTargetAssignmentMemberValue, 0, body)
      const target = new Map(topicPartitions.map((each) => [each.topicId, new Set(each.partitions)]))
      return change(groupId, record, (group) => group.setTarget(memberId, target))
    }
    case TARGET_EPOCH: {
      const { groupId } = decodeMessage(ConsumerGroupTargetAssignmentMetadataKey, 0, key)
      if (body === undefined) return change(groupId, record, setTargetEpoch(-1, 0))
      const read = decodeMessage(ConsumerGroupTargetAssignmentMetadataValue, 0, body)
      return change(groupId, record, setTargetEpoch(read.assignmentEpoch, Number(read.assignmentTimestamp)))
    }
    case CURRENT: {
      const { groupId, memberId } = decodeMessage(ConsumerGroupCurrentMemberAssignmentKey, 0, key)
      if (body === undefined) return currentTombstone(groupId, memberId)
      const read = readCurrent(decodeMessage(ConsumerGroupCurrentMemberAssignmentValue, 0, body))
      return change(groupId, record, setCurrent(memberId, read))
    }
    case REGEX: {
      const { groupId, regularExpression } = decodeMessage(ConsumerGroupRegularExpressionKey, 0, key)
      if (body === undefined) return regexTombstone(groupId, regularExpression)
      const { topics, version, timestamp } = decodeMessage(ConsumerGroupRegularExpressionValue, 0, body)
      const resolved = { topics: new Set(topics), version: Number(version), timestampMs: Number(timestamp) }
      return change(groupId, record, (group) => void group.resolvedRegexes.set(regularExpression, resolved))
    }
    default:
      return undefined
  }
}

function readMember(memberId: string, value: Decoded<typeof ConsumerGroupMemberMetadataValue>): MemberMetadata {
  return {
    memberId,
    instanceId: value.instanceId,
    rackId: value.rackId,
    clientId: value.clientId,
    clientHost: value.clientHost,
    subscribedTopicNames: new Set(value.subscribedTopicNames),
    subscribedTopicRegex: value.subscribedTopicRegex,
    rebalanceTimeoutMs: value.rebalanceTimeoutMs,
    serverAssignor: value.serverAssignor,
    classic: value.classicMemberMetadata && {
      sessionTimeoutMs: value.classicMemberMetadata.sessionTimeoutMs,
      protocols: value.classicMemberMetadata.supportedProtocols.map(({ name, metadata }) => ({
        name,
        metadata: new Uint8Array(metadata),
      })),
    },
  }
}

type Current = Decoded<typeof ConsumerGroupCurrentMemberAssignmentValue>

function readCurrent(value: Current): Assignment {
  const states = Object.entries(stateCodes) as [ConsumerMemberState, number][]
  const owned = (listed: Current['assignedPartitions']): OwnedPartitions =>
    new Map(
      listed.map(({ topicId, partitions, assignmentEpochs }) => {
        const epochOf = (at: number): number => assignmentEpochs?.[at] ?? Math.max(value.memberEpoch, 0)
        return [topicId, new Map(partitions.map((partition, at) => [partition, epochOf(at)]))]
      }),
    )
  return {
    memberEpoch: value.memberEpoch,
    previousMemberEpoch: value.previousMemberEpoch,
    state: states.find(([, code]) => code === value.state)?.[0] ?? 'UNKNOWN',
    assigned: owned(value.assignedPartitions),
    pendingRevocation: owned(value.partitionsPendingRevocation),
  }
}

import {
  decodeMessage,
  ShareGroupCurrentMemberAssignmentKey,
  ShareGroupCurrentMemberAssignmentValue,
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataKey,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
  ShareGroupTargetAssignmentMemberKey,
  ShareGroupTargetAssignmentMemberValue,
  ShareGroupTargetAssignmentMetadataKey,
  ShareGroupTargetAssignmentMetadataValue,
} from '@ottla/codec'
import { type CoordinatorRecord, int16, prefixed } from '../coordinators/coordinator-record.ts'
import {
  type Assignment,
  noPartitions,
  ShareGroup,
  type ShareGroups,
  type ShareMember,
  type StateTopic,
  type StateTopics,
} from './share-group.ts'

/** A change of a share group; a record without a value is a tombstone. */
export type ShareRecord = { readonly groupId: string } & (
  | { readonly kind: 'member'; readonly memberId: string; readonly value?: MemberValue | undefined }
  | { readonly kind: 'group'; readonly value?: { readonly epoch: number; readonly metadataHash: bigint } | undefined }
  | { readonly kind: 'targetEpoch'; readonly value?: { readonly epoch: number; readonly timeMs: number } | undefined }
  | { readonly kind: 'target'; readonly memberId: string; readonly value?: Assignment | undefined }
  | { readonly kind: 'current'; readonly memberId: string; readonly value?: CurrentValue | undefined }
  | { readonly kind: 'stateTopics'; readonly value?: StateTopics | undefined }
)

type MemberValue = Pick<ShareMember, 'rackId' | 'clientId' | 'clientHost' | 'topics'>
type CurrentValue = Pick<ShareMember, 'memberEpoch' | 'previousMemberEpoch' | 'assigned'>

// Kafka's record types: the first two bytes of a key.
const MEMBER = 10
const GROUP = 11
const TARGET_EPOCH = 12
const TARGET = 13
const CURRENT = 14
const STATE_TOPICS = 15

/** Whether a record of __consumer_offsets belongs to share groups. */
export function isShareRecord({ key }: CoordinatorRecord): boolean {
  const type = int16(key)
  return type >= MEMBER && type <= STATE_TOPICS
}

/** Applies a change. */
export function applyShare(groups: ShareGroups, record: ShareRecord): void {
  const { groupId } = record
  if (record.kind === 'stateTopics') {
    if (record.value === undefined) groups.stateTopics.delete(groupId)
    else {
      // Setting offsets alone creates the group too.
      if (!groups.groups.has(groupId)) groups.groups.set(groupId, new ShareGroup(groupId))
      groups.stateTopics.set(groupId, record.value)
    }
    return
  }
  let group = groups.groups.get(groupId)
  if (group === undefined) {
    if (record.value === undefined) return
    group = new ShareGroup(groupId)
    groups.groups.set(groupId, group)
  }
  if (record.kind === 'group') {
    if (record.value === undefined) groups.groups.delete(groupId)
    else {
      group.groupEpoch = record.value.epoch
      group.metadataHash = record.value.metadataHash
    }
  } else if (record.kind === 'targetEpoch') {
    group.assignmentEpoch = record.value?.epoch ?? -1
    group.assignmentMs = record.value?.timeMs ?? 0
  } else if (record.kind === 'target') {
    if (record.value === undefined) group.targets.delete(record.memberId)
    else group.targets.set(record.memberId, record.value)
  } else applyMember(group, record)
}

function applyMember(group: ShareGroup, record: ShareRecord & { readonly kind: 'member' | 'current' }): void {
  const { memberId } = record
  const before = group.members.get(memberId) ?? newShareMember(memberId)
  if (record.kind === 'member') {
    if (record.value === undefined) group.members.delete(memberId)
    else group.members.set(memberId, { ...before, ...record.value })
  } else if (record.value !== undefined) {
    group.members.set(memberId, { ...before, ...record.value })
  } else if (group.members.has(memberId)) {
    group.members.set(memberId, { ...before, memberEpoch: -1, previousMemberEpoch: -1, assigned: noPartitions })
  }
}

export function newShareMember(memberId: string): ShareMember {
  const epochs = { memberEpoch: 0, previousMemberEpoch: -1 }
  return { memberId, ...epochs, rackId: null, clientId: '', clientHost: '', topics: new Set(), assigned: noPartitions }
}

export function encodeShare(record: ShareRecord): CoordinatorRecord {
  const { groupId } = record
  switch (record.kind) {
    case 'member': {
      const { memberId, value } = record
      const key = prefixed(MEMBER, ShareGroupMemberMetadataKey, 0, { groupId, memberId })
      if (value === undefined) return { key, value: null }
      const { topics, ...rest } = value
      const body = { ...rest, subscribedTopicNames: [...topics].sort() }
      return { key, value: prefixed(0, ShareGroupMemberMetadataValue, 0, body) }
    }
    case 'group': {
      const key = prefixed(GROUP, ShareGroupMetadataKey, 0, { groupId })
      return { key, value: record.value ? prefixed(0, ShareGroupMetadataValue, 0, record.value) : null }
    }
    case 'targetEpoch': {
      const key = prefixed(TARGET_EPOCH, ShareGroupTargetAssignmentMetadataKey, 0, { groupId })
      if (record.value === undefined) return { key, value: null }
      const { epoch, timeMs } = record.value
      const body = { assignmentEpoch: epoch, assignmentTimestamp: BigInt(timeMs) }
      return { key, value: prefixed(0, ShareGroupTargetAssignmentMetadataValue, 0, body) }
    }
    case 'target': {
      const { memberId, value } = record
      const key = prefixed(TARGET, ShareGroupTargetAssignmentMemberKey, 0, { groupId, memberId })
      if (value === undefined) return { key, value: null }
      return { key, value: prefixed(0, ShareGroupTargetAssignmentMemberValue, 0, { topicPartitions: listOf(value) }) }
    }
    case 'current': {
      const { memberId, value } = record
      const key = prefixed(CURRENT, ShareGroupCurrentMemberAssignmentKey, 0, { groupId, memberId })
      if (value === undefined) return { key, value: null }
      const { memberEpoch, previousMemberEpoch, assigned } = value
      const body = { memberEpoch, previousMemberEpoch, state: 0, assignedPartitions: listOf(assigned) }
      return { key, value: prefixed(0, ShareGroupCurrentMemberAssignmentValue, 0, body) }
    }
    case 'stateTopics': {
      const key = prefixed(STATE_TOPICS, ShareGroupStatePartitionMetadataKey, 0, { groupId })
      if (record.value === undefined) return { key, value: null }
      const { initializing, initialized, deleting } = record.value
      const body = {
        initializingTopics: topicsOnWire(initializing),
        initializedTopics: topicsOnWire(initialized),
        deletingTopics: Array.from(deleting, ([topicId, topicName]) => ({ topicId, topicName })),
      }
      return { key, value: prefixed(0, ShareGroupStatePartitionMetadataValue, 0, body) }
    }
  }
}

/** Decodes a record of the log. */
export function decodeShare({ key, value }: CoordinatorRecord): ShareRecord {
  const body = key.subarray(2)
  const bytes = value?.subarray(2)
  switch (int16(key)) {
    case MEMBER: {
      const at = decodeMessage(ShareGroupMemberMetadataKey, 0, body)
      const { subscribedTopicNames, rackId, clientId, clientHost } = bytes
        ? decodeMessage(ShareGroupMemberMetadataValue, 0, bytes)
        : noMember
      const read = { rackId, clientId, clientHost, topics: new Set(subscribedTopicNames) }
      return { kind: 'member', ...at, value: bytes && read }
    }
    case GROUP: {
      const at = decodeMessage(ShareGroupMetadataKey, 0, body)
      return { kind: 'group', ...at, value: bytes && decodeMessage(ShareGroupMetadataValue, 0, bytes) }
    }
    case TARGET_EPOCH: {
      const at = decodeMessage(ShareGroupTargetAssignmentMetadataKey, 0, body)
      const read = bytes && decodeMessage(ShareGroupTargetAssignmentMetadataValue, 0, bytes)
      const value = read && { epoch: read.assignmentEpoch, timeMs: Number(read.assignmentTimestamp) }
      return { kind: 'targetEpoch', ...at, value }
    }
    case TARGET: {
      const at = decodeMessage(ShareGroupTargetAssignmentMemberKey, 0, body)
      const read = bytes && decodeMessage(ShareGroupTargetAssignmentMemberValue, 0, bytes)
      return { kind: 'target', ...at, value: read && assignmentOf(read.topicPartitions) }
    }
    case CURRENT: {
      const at = decodeMessage(ShareGroupCurrentMemberAssignmentKey, 0, body)
      const read = bytes && decodeMessage(ShareGroupCurrentMemberAssignmentValue, 0, bytes)
      if (read === undefined) return { kind: 'current', ...at }
      const { memberEpoch, previousMemberEpoch, assignedPartitions } = read
      const value = { memberEpoch, previousMemberEpoch, assigned: assignmentOf(assignedPartitions) }
      return { kind: 'current', ...at, value }
    }
    default: {
      const at = decodeMessage(ShareGroupStatePartitionMetadataKey, 0, body)
      const read = bytes && decodeMessage(ShareGroupStatePartitionMetadataValue, 0, bytes)
      if (read === undefined) return { kind: 'stateTopics', ...at }
      const value = {
        initializing: topicsFromWire(read.initializingTopics),
        initialized: topicsFromWire(read.initializedTopics),
        deleting: new Map(read.deletingTopics.map(({ topicId, topicName }) => [topicId, topicName])),
      }
      return { kind: 'stateTopics', ...at, value }
    }
  }
}

interface TopicPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** An assignment as it is encoded in messages. */
export function listOf(assignment: Assignment): { topicId: string; partitions: number[] }[] {
  return Array.from(assignment, ([topicId, partitions]) => ({ topicId, partitions: inOrder(partitions) }))
}

const noMember = { subscribedTopicNames: [], rackId: null, clientId: '', clientHost: '' }

const inOrder = (partitions: ReadonlySet<number>): number[] => [...partitions].sort((a, b) => a - b)

const assignmentOf = (list: readonly TopicPartitions[]): Assignment =>
  new Map(list.map(({ topicId, partitions }) => [topicId, new Set(partitions)]))

const topicsOnWire = (topics: ReadonlyMap<string, StateTopic>) =>
  Array.from(topics, ([topicId, { name, partitions }]) => ({
    ...{ topicId, topicName: name },
    partitions: inOrder(partitions),
  }))

const topicsFromWire = (list: readonly (TopicPartitions & { readonly topicName: string })[]) =>
  new Map(
    list.map(({ topicId, topicName, partitions }): [string, StateTopic] => [
      topicId,
      { name: topicName, partitions: new Set(partitions), timestampMs: 0 },
    ]),
  )

import {
  type Decoded,
  decodeMessage,
  StreamsGroupCurrentMemberAssignmentKey,
  StreamsGroupCurrentMemberAssignmentValue,
  StreamsGroupMemberMetadataKey,
  StreamsGroupMemberMetadataValue,
  StreamsGroupMetadataKey,
  StreamsGroupMetadataValue,
  StreamsGroupTargetAssignmentMemberKey,
  StreamsGroupTargetAssignmentMemberValue,
  StreamsGroupTargetAssignmentMetadataKey,
  StreamsGroupTargetAssignmentMetadataValue,
  StreamsGroupTopologyKey,
  StreamsGroupTopologyValue,
} from '@ottla/codec'
import { type CoordinatorRecord, int16, prefixed } from '../coordinators/coordinator-record.ts'
import type { OwnedPartitions, Partitions } from '../coordinators/member-partitions.ts'
import type { StreamsGroup } from './streams-group.ts'
import {
  type KeyValue,
  newStreamsMember,
  noTasks,
  type StreamsMember,
  type StreamsMemberState,
  type TargetTasks,
} from './streams-group-member.ts'
import type { StreamsTopology } from './streams-group-topology.ts'

// Kafka's record types: the first two bytes of a key.
const GROUP = 17
const MEMBER = 19
const TARGET_EPOCH = 20
const TARGET = 21
const CURRENT = 22
const TOPOLOGY = 23

const stateCodes: Readonly<Record<StreamsMemberState, number>> = {
  STABLE: 1,
  UNREVOKED_TASKS: 2,
  UNRELEASED_TASKS: 3,
  UNKNOWN: 127,
}

/** A record of a streams group with its effect on the group, for writing and for reading. */
export interface StreamsGroupChange {
  readonly groupId: string
  readonly record: CoordinatorRecord
  readonly deletesGroup: boolean
  readonly apply: (group: StreamsGroup) => void
}

const change = (
  groupId: string,
  record: CoordinatorRecord,
  apply: (group: StreamsGroup) => void,
  deletesGroup = false,
): StreamsGroupChange => ({ groupId, record, apply, deletesGroup })

const groupKey = (groupId: string) => prefixed(GROUP, StreamsGroupMetadataKey, 0, { groupId })
const topologyKey = (groupId: string) => prefixed(TOPOLOGY, StreamsGroupTopologyKey, 0, { groupId })
const targetEpochKey = (groupId: string) =>
  prefixed(TARGET_EPOCH, StreamsGroupTargetAssignmentMetadataKey, 0, { groupId })
const memberKey = (groupId: string, memberId: string) =>
  prefixed(MEMBER, StreamsGroupMemberMetadataKey, 0, { groupId, memberId })
const targetKey = (groupId: string, memberId: string) =>
  prefixed(TARGET, StreamsGroupTargetAssignmentMemberKey, 0, { groupId, memberId })
const currentKey = (groupId: string, memberId: string) =>
  prefixed(CURRENT, StreamsGroupCurrentMemberAssignmentKey, 0, { groupId, memberId })

export interface StreamsEpoch {
  readonly epoch: number
  readonly metadataHash: bigint
  readonly validatedTopologyEpoch: number
  readonly assignmentConfigs: readonly KeyValue[]
}

export function streamsEpochChange(groupId: string, epoch: StreamsEpoch): StreamsGroupChange {
  const { assignmentConfigs, ...rest } = epoch
  const value = prefixed(0, StreamsGroupMetadataValue, 0, { ...rest, lastAssignmentConfigs: assignmentConfigs })
  return change(groupId, { key: groupKey(groupId), value }, setEpoch(epoch))
}

export function topologyChange(groupId: string, topology: StreamsTopology): StreamsGroupChange {
  const value = prefixed(0, StreamsGroupTopologyValue, 0, topology)
  return change(groupId, { key: topologyKey(groupId), value }, setTopology(topology))
}

export function streamsMemberChange(groupId: string, member: StreamsMember): StreamsGroupChange {
  const { rackId, clientId, clientHost, rebalanceTimeoutMs, topologyEpoch, processId, userEndpoint } = member
  const metadata = { rackId, clientId, clientHost, rebalanceTimeoutMs, topologyEpoch, processId, userEndpoint }
  const value = prefixed(0, StreamsGroupMemberMetadataValue, 0, {
    ...metadata,
    instanceId: null,
    clientTags: member.clientTags,
  })
  return change(groupId, { key: memberKey(groupId, member.memberId), value }, setMember(member))
}

export function streamsTargetChange(groupId: string, memberId: string, target: TargetTasks): StreamsGroupChange {
  const value = prefixed(0, StreamsGroupTargetAssignmentMemberValue, 0, {
    activeTasks: listTasks(target.active),
    standbyTasks: listTasks(target.standby),
    warmupTasks: [],
  })
  return change(
    groupId,
    { key: targetKey(groupId, memberId), value },
    (group) => void group.targets.set(memberId, target),
  )
}

export function streamsTargetEpochChange(groupId: string, epoch: number, timestampMs: number): StreamsGroupChange {
  const assignment = { assignmentEpoch: epoch, assignmentTimestamp: BigInt(timestampMs) }
  const value = prefixed(0, StreamsGroupTargetAssignmentMetadataValue, 0, assignment)
  return change(groupId, { key: targetEpochKey(groupId), value }, setTargetEpoch(epoch, timestampMs))
}

export function streamsCurrentChange(groupId: string, member: StreamsMember): StreamsGroupChange {
  const { tasks, pendingRevocation } = member
  const value = prefixed(0, StreamsGroupCurrentMemberAssignmentValue, 0, {
    memberEpoch: member.memberEpoch,
    previousMemberEpoch: member.previousMemberEpoch,
    state: stateCodes[member.state],
    activeTasks: listActive(tasks.active),
    standbyTasks: listStandby(tasks.standby),
    warmupTasks: [],
    activeTasksPendingRevocation: listActive(pendingRevocation.active),
    standbyTasksPendingRevocation: listStandby(pendingRevocation.standby),
    warmupTasksPendingRevocation: [],
  })
  return change(groupId, { key: currentKey(groupId, member.memberId), value }, setCurrent(member))
}

export function streamsMemberTombstones(groupId: string, memberId: string): StreamsGroupChange[] {
  return [currentTombstone(groupId, memberId), targetTombstone(groupId, memberId), metadataTombstone(groupId, memberId)]
}

export function streamsGroupTombstones({ groupId, members }: StreamsGroup): StreamsGroupChange[] {
  const ids = [...members.keys()]
  return [
    ...ids.map((id) => currentTombstone(groupId, id)),
    ...ids.map((id) => targetTombstone(groupId, id)),
    change(groupId, { key: targetEpochKey(groupId), value: null }, setTargetEpoch(-1, 0)),
    ...ids.map((id) => metadataTombstone(groupId, id)),
    change(groupId, { key: groupKey(groupId), value: null }, () => {}, true),
    change(groupId, { key: topologyKey(groupId), value: null }, setTopology(undefined)),
  ]
}

const currentTombstone = (groupId: string, memberId: string): StreamsGroupChange =>
  change(groupId, { key: currentKey(groupId, memberId), value: null }, (group) => {
    const member = group.members.get(memberId)
    const nothing = { memberEpoch: -1, previousMemberEpoch: -1, tasks: noTasks, pendingRevocation: noTasks }
    if (member !== undefined) group.members.set(memberId, { ...member, ...nothing })
  })
const targetTombstone = (groupId: string, memberId: string): StreamsGroupChange =>
  change(groupId, { key: targetKey(groupId, memberId), value: null }, (group) => void group.targets.delete(memberId))
const metadataTombstone = (groupId: string, memberId: string): StreamsGroupChange =>
  change(groupId, { key: memberKey(groupId, memberId), value: null }, (group) => group.remove(memberId))

const setEpoch = (epoch: StreamsEpoch) => (group: StreamsGroup) => {
  group.groupEpoch = epoch.epoch
  group.metadataHash = epoch.metadataHash
  group.validatedTopologyEpoch = epoch.validatedTopologyEpoch
  group.assignmentConfigs = epoch.assignmentConfigs
}

const setTopology = (topology: StreamsTopology | undefined) => (group: StreamsGroup) => {
  group.topology = topology
}

const setTargetEpoch = (epoch: number, timestampMs: number) => (group: StreamsGroup) => {
  group.assignmentEpoch = epoch
  group.assignmentTimestampMs = timestampMs
}

type Assignment = Pick<
  StreamsMember,
  'memberId' | 'memberEpoch' | 'previousMemberEpoch' | 'state' | 'tasks' | 'pendingRevocation'
>

const setMember = (metadata: StreamsMember) => (group: StreamsGroup) => {
  const { memberId, memberEpoch, previousMemberEpoch, state, tasks, pendingRevocation } =
    group.members.get(metadata.memberId) ?? newStreamsMember(metadata.memberId)
  const assignment = { memberId, memberEpoch, previousMemberEpoch, state, tasks, pendingRevocation }
  group.members.set(memberId, { ...metadata, ...assignment })
}

const setCurrent = (assignment: Assignment) => (group: StreamsGroup) => {
  const { memberId, memberEpoch, previousMemberEpoch, state, tasks, pendingRevocation } = assignment
  const member = group.members.get(memberId) ?? newStreamsMember(memberId)
  group.members.set(memberId, { ...member, memberEpoch, previousMemberEpoch, state, tasks, pendingRevocation })
}

function listTasks(tasks: Partitions) {
  return [...tasks].map(([subtopologyId, partitions]) => ({ subtopologyId, partitions: [...partitions] }))
}

function listActive(tasks: OwnedPartitions) {
  return [...tasks].map(([subtopologyId, partitions]) => ({
    subtopologyId,
    partitions: [...partitions.keys()],
    assignmentEpochs: [...partitions.values()],
  }))
}

const listStandby = (tasks: Partitions) => listTasks(tasks).map((each) => ({ ...each, assignmentEpochs: null }))

// ---- reading -----------------------------------------------------------------------------------------------------------

/** The change of a record read from the log; undefined for records of other kinds. */
export function readStreamsGroupChange(record: CoordinatorRecord): StreamsGroupChange | undefined {
  const key = record.key.subarray(2)
  const body = record.value?.subarray(2)
  switch (int16(record.key)) {
    case GROUP: {
      const { groupId } = decodeMessage(StreamsGroupMetadataKey, 0, key)
      if (body === undefined) return change(groupId, record, () => {}, true)
      const { lastAssignmentConfigs, ...read } = decodeMessage(StreamsGroupMetadataValue, 0, body)
      return change(groupId, record, setEpoch({ ...read, assignmentConfigs: lastAssignmentConfigs ?? [] }))
    }
    case TOPOLOGY: {
      const { groupId } = decodeMessage(StreamsGroupTopologyKey, 0, key)
      const topology = body === undefined ? undefined : decodeMessage(StreamsGroupTopologyValue, 0, body)
      return change(groupId, record, setTopology(topology))
    }
    case MEMBER: {
      const { groupId, memberId } = decodeMessage(StreamsGroupMemberMetadataKey, 0, key)
      if (body === undefined) return metadataTombstone(groupId, memberId)
      const { instanceId: _, ...metadata } = decodeMessage(StreamsGroupMemberMetadataValue, 0, body)
      return change(groupId, record, setMember({ ...newStreamsMember(memberId), ...metadata }))
    }
    case TARGET: {
      const { groupId, memberId } = decodeMessage(StreamsGroupTargetAssignmentMemberKey, 0, key)
      if (body === undefined) return targetTombstone(groupId, memberId)
      const read = decodeMessage(StreamsGroupTargetAssignmentMemberValue, 0, body)
      const target = { active: tasksIn(read.activeTasks), standby: tasksIn(read.standbyTasks) }
      return change(groupId, record, (group) => void group.targets.set(memberId, target))
    }
    case TARGET_EPOCH: {
      const { groupId } = decodeMessage(StreamsGroupTargetAssignmentMetadataKey, 0, key)
      if (body === undefined) return change(groupId, record, setTargetEpoch(-1, 0))
      const read = decodeMessage(StreamsGroupTargetAssignmentMetadataValue, 0, body)
      return change(groupId, record, setTargetEpoch(read.assignmentEpoch, Number(read.assignmentTimestamp)))
    }
    case CURRENT: {
      const { groupId, memberId } = decodeMessage(StreamsGroupCurrentMemberAssignmentKey, 0, key)
      if (body === undefined) return currentTombstone(groupId, memberId)
      const read = decodeMessage(StreamsGroupCurrentMemberAssignmentValue, 0, body)
      return change(groupId, record, setCurrent(currentIn(memberId, read)))
    }
    default:
      return undefined
  }
}

type Current = Decoded<typeof StreamsGroupCurrentMemberAssignmentValue>
type ListedTasks = readonly { readonly subtopologyId: string; readonly partitions: readonly number[] }[]

const tasksIn = (listed: ListedTasks): Partitions =>
  new Map(listed.map(({ subtopologyId, partitions }) => [subtopologyId, new Set(partitions)]))

function currentIn(memberId: string, read: Current): Assignment {
  const active = (listed: Current['activeTasks']): OwnedPartitions =>
    new Map(
      listed.map(({ subtopologyId, partitions, assignmentEpochs }) => [
        subtopologyId,
        new Map(
          partitions.map((partition, at) => [partition, assignmentEpochs?.[at] ?? Math.max(read.memberEpoch, 0)]),
        ),
      ]),
    )
  const states = Object.entries(stateCodes) as [StreamsMemberState, number][]
  return {
    memberId,
    memberEpoch: read.memberEpoch,
    previousMemberEpoch: read.previousMemberEpoch,
    state: states.find(([, code]) => code === read.state)?.[0] ?? 'UNKNOWN',
    tasks: { active: active(read.activeTasks), standby: tasksIn(read.standbyTasks) },
    pendingRevocation: {
      active: active(read.activeTasksPendingRevocation),
      standby: tasksIn(read.standbyTasksPendingRevocation),
    },
  }
}

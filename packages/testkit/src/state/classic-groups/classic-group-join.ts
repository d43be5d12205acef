import { type ErrorName, errorCode } from '@ottla/codec'
import {
  copyProtocols,
  type JoinGroupBody,
  type JoinGroupResponse,
  joinError,
  type MemberClient,
} from '../coordinators/classic-protocol.ts'
import { writeErrorForMember } from '../coordinators/coordinator-log.ts'
import type { CoordinatorRecord } from '../coordinators/coordinator-record.ts'
import { ClassicGroup, currentGeneration } from './classic-group.ts'
import { GroupMember } from './classic-group-member.ts'
import {
  completeJoinPhaseIfAllIn,
  keepAlive,
  prepareRebalance,
  rebalanceOrCompleteJoin,
} from './classic-group-rebalance.ts'
import { groupRecord } from './classic-group-records.ts'
import { type ClassicGroupShard, createGroup, removeGroup, sessionKey } from './classic-group-shard.ts'

/**
 * A JoinGroup: responds immediately, or when the rebalance that it starts or joins is complete. `tombstones` delete the
 * group of another kind that a new classic group replaces.
 */
export function joinClassicGroup(
  shard: ClassicGroupShard,
  { body, client, tombstones }: ClassicJoin,
  respond: (response: JoinGroupResponse) => void,
): void {
  const { groupId, memberId } = body
  // A member that comes with an id must have got it from this group.
  if (memberId !== '' && !shard.classicGroups.has(groupId)) {
    respond(joinError('UNKNOWN_MEMBER_ID', memberId))
    return
  }
  const known = shard.classicGroups.get(groupId)
  const group = known ?? createGroup(shard, groupId)
  if (!hasRoomFor(shard, group, memberId)) {
    group.remove(memberId)
    respond(joinError('GROUP_MAX_SIZE_REACHED', ''))
  } else if (!group.supportsProtocols(body.protocolType, body.protocols)) {
    respond(joinError('INCONSISTENT_GROUP_PROTOCOL', memberId))
  } else if (memberId === '') {
    joinAsNew(shard, group, body, client, respond)
  } else {
    joinAsKnown(shard, group, body, client, respond)
  }
  if (!known) persistNewGroup(shard, group, tombstones)
}

export interface ClassicJoin {
  readonly body: JoinGroupBody
  readonly client: MemberClient
  readonly tombstones: readonly CoordinatorRecord[]
}

function hasRoomFor(shard: ClassicGroupShard, group: ClassicGroup, memberId: string): boolean {
  const { maxSize } = shard.config
  if (group.state === 'PreparingRebalance') {
    // Those who wait already count, not those who may still come: so the slowest of too many are left out.
    return group.members.get(memberId)?.awaitingJoin !== undefined || group.awaitingJoinCount() < maxSize
  }
  if (group.state === 'Empty') return true
  return group.members.has(memberId) || group.members.size < maxSize
}

function joinAsNew(
  shard: ClassicGroupShard,
  group: ClassicGroup,
  body: JoinGroupBody,
  client: MemberClient,
  respond: (response: JoinGroupResponse) => void,
): void {
  const instanceId = body.groupInstanceId
  const newMemberId = `${instanceId ?? client.clientId}-${randomUuid(shard)}`
  const oldMemberId = instanceId === null ? undefined : group.staticMemberId(instanceId)
  if (instanceId !== null && oldMemberId !== undefined) {
    rejoinStatic(shard, group, { body, client, instanceId, oldMemberId, newMemberId }, respond)
  } else if (instanceId === null && client.apiVersion >= 4) {
    // KIP-394: a client that gives up and retries would leave a dead member behind with every attempt.
    group.pendingJoinMembers.add(newMemberId)
    keepAlive(shard, group, newMemberId, body.sessionTimeoutMs)
    respond(joinError('MEMBER_ID_REQUIRED', newMemberId))
  } else {
    addMember(shard, group, body, client, newMemberId, respond)
  }
}

function joinAsKnown(
  shard: ClassicGroupShard,
  group: ClassicGroup,
  body: JoinGroupBody,
  client: MemberClient,
  respond: (response: JoinGroupResponse) => void,
): void {
  const { memberId } = body
  if (group.pendingJoinMembers.has(memberId)) {
    addMember(shard, group, body, client, memberId, respond)
    return
  }
  const error = group.validateMember(memberId, body.groupInstanceId)
  const member = group.members.get(memberId)
  if (error || !member) {
    respond(joinError(error ?? 'UNKNOWN_MEMBER_ID', memberId))
    return
  }
  if (group.state === 'Empty' || group.state === 'Dead') {
    respond(joinError('UNKNOWN_MEMBER_ID', memberId))
    return
  }
  // The answer to its join may have been lost: the same protocols again get what the generation has.
  const isRepeat =
    group.state !== 'PreparingRebalance' &&
    member.matches(body.protocols) &&
    !(group.state === 'Stable' && group.isLeader(memberId))
  if (isRepeat) {
    const members = group.state === 'CompletingRebalance' && group.isLeader(memberId) ? group.membersForLeader() : []
    respond(currentGeneration(group, memberId, members))
    return
  }
  group.update(member, body, respond)
  rebalanceOrCompleteJoin(shard, group)
}

function addMember(
  shard: ClassicGroupShard,
  group: ClassicGroup,
  body: JoinGroupBody,
  client: MemberClient,
  memberId: string,
  respond: (response: JoinGroupResponse) => void,
): void {
  const member = new GroupMember({
    memberId,
    groupInstanceId: body.groupInstanceId,
    clientId: client.clientId,
    clientHost: client.clientHost,
    rebalanceTimeoutMs: body.rebalanceTimeoutMs,
    sessionTimeoutMs: body.sessionTimeoutMs,
    protocolType: body.protocolType,
    protocols: copyProtocols(body),
  })
  member.isNew = true
  if (group.state === 'PreparingRebalance' && group.previousState === 'Empty') group.newMemberAdded = true
  group.add(member, respond)
  // It cannot send heartbeats while its join is held, and a client that is gone is not noticed: the connection is muted.
  keepAlive(shard, group, memberId, shard.config.newMemberJoinTimeoutMs)
  rebalanceOrCompleteJoin(shard, group)
}

interface StaticRejoin {
  readonly body: JoinGroupBody
  readonly client: MemberClient
  readonly instanceId: string
  readonly oldMemberId: string
  readonly newMemberId: string
}

/** KIP-345: a static member that restarted takes its place back, without a rebalance where that is possible. */
function rejoinStatic(
  shard: ClassicGroupShard,
  group: ClassicGroup,
  rejoin: StaticRejoin,
  respond: (response: JoinGroupResponse) => void,
): void {
  const { body, instanceId, oldMemberId, newMemberId } = rejoin
  const oldLeader = group.leaderId
  shard.timers.cancel(sessionKey(group, oldMemberId))
  const member = group.replaceStaticMember(instanceId, oldMemberId, newMemberId)
  const before = { ...body, ...timeoutsAndProtocols(member) }
  keepAlive(shard, group, newMemberId, member.sessionTimeoutMs)
  group.update(member, body, respond)
  if (group.state === 'CompletingRebalance') {
    // The leader may be assigning to the old id just now.
    prepareRebalance(shard, group)
  } else if (group.state === 'PreparingRebalance') {
    completeJoinPhaseIfAllIn(shard, group)
  } else if (group.selectProtocol() !== group.protocolName) {
    rebalanceOrCompleteJoin(shard, group)
  } else {
    const record = groupRecord(group, assignmentsOf(group))
    const done = (error: ErrorName | undefined): void => {
      if (error) revertStaticRejoin(shard, group, rejoin, before, respond, error)
      else group.completeJoin(member, staticRejoinResponse(group, rejoin, oldLeader))
    }
    shard.log.write([record], { done })
  }
}

function staticRejoinResponse(group: ClassicGroup, rejoin: StaticRejoin, oldLeader: string | null): JoinGroupResponse {
  const { newMemberId } = rejoin
  const response = currentGeneration(group, newMemberId, [])
  // Before v9 the member is told that the leader is its own old id, so that it does not assign.
  if (rejoin.client.apiVersion < 9) return { ...response, leader: oldLeader ?? '' }
  const isLeader = group.isLeader(newMemberId)
  return { ...response, skipAssignment: isLeader, members: isLeader ? group.membersForLeader() : [] }
}

/** The log did not take the new id: the old one holds its place again. */
function revertStaticRejoin(
  shard: ClassicGroupShard,
  group: ClassicGroup,
  rejoin: StaticRejoin,
  before: JoinGroupBody,
  respond: (response: JoinGroupResponse) => void,
  error: ErrorName,
): void {
  const { instanceId, oldMemberId, newMemberId } = rejoin
  const member = group.members.get(newMemberId)
  if (!member || group.state === 'Dead') return
  group.update(member, before, respond)
  member.awaitingJoin = undefined
  shard.timers.cancel(sessionKey(group, newMemberId))
  const old = group.replaceStaticMember(instanceId, newMemberId, oldMemberId)
  keepAlive(shard, group, oldMemberId, old.sessionTimeoutMs)
  respond({ ...currentGeneration(group, '', []), errorCode: errorCode(writeErrorForMember(error)) })
}

function timeoutsAndProtocols(
  member: GroupMember,
): Pick<JoinGroupBody, 'rebalanceTimeoutMs' | 'sessionTimeoutMs' | 'protocols'> {
  return {
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    sessionTimeoutMs: member.sessionTimeoutMs,
    protocols: [...member.protocols],
  }
}

export function assignmentsOf(group: ClassicGroup): Map<string, Uint8Array> {
  return new Map([...group.members.values()].map((member) => [member.memberId, member.assignment]))
}

function persistNewGroup(
  shard: ClassicGroupShard,
  group: ClassicGroup,
  tombstones: readonly CoordinatorRecord[],
): void {
  const done = (error: ErrorName | undefined): void => {
    // A write that only takes too long may still go through: the group stays then.
    if (!error || error === 'REQUEST_TIMED_OUT' || shard.classicGroups.get(group.groupId) !== group) return
    const code = writeErrorForMember(error)
    for (const member of group.members.values()) group.completeJoin(member, joinError(code, member.memberId))
    removeGroup(shard, group)
  }
  // Written as it was before its first member.
  const record = groupRecord(new ClassicGroup(group.groupId, shard.nowMs()), new Map())
  shard.log.write([...tombstones, record], { done })
}

/** A UUID in the form of Java's `UUID.randomUUID().toString()`. */
function randomUuid(shard: ClassicGroupShard): string {
  const bytes = shard.runtime.secureRandom(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

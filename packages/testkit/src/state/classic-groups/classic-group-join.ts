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
 * Handles a JoinGroup. Responds immediately, or once the rebalance that it starts or joins is complete. `tombstones`
 * delete the empty group of another kind that a new classic group replaces.
 */
export function joinClassicGroup(
  shard: ClassicGroupShard,
  { body, client, tombstones }: ClassicJoin,
  respond: (response: JoinGroupResponse) => void,
): void {
  const { groupId, memberId } = body
  // Only this group can have assigned the member its id.
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
    // Only members whose join is held count, so the first ones to rejoin stay in an oversized group.
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
    // KIP-394: otherwise each attempt of a client that times out and retries would add another member.
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
  // The response to its join may have been lost: a repeated join with the same protocols gets the current generation.
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
  // It sends no heartbeats while its join is held, and its muted connection does not show whether the client is alive.
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

/** KIP-345: a restarted static member replaces its predecessor, without a rebalance if possible. */
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
    // The leader may be computing an assignment for the old id.
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
  // Before version 9 the response names the old id as the leader, so that the member computes no assignment.
  if (rejoin.client.apiVersion < 9) return { ...response, leader: oldLeader ?? '' }
  const isLeader = group.isLeader(newMemberId)
  return { ...response, skipAssignment: isLeader, members: isLeader ? group.membersForLeader() : [] }
}

/** The new id could not be written: restores the old one. */
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
    // After a timeout the write may still succeed, so the group stays.
    if (!error || error === 'REQUEST_TIMED_OUT' || shard.classicGroups.get(group.groupId) !== group) return
    const code = writeErrorForMember(error)
    for (const member of group.members.values()) group.completeJoin(member, joinError(code, member.memberId))
    removeGroup(shard, group)
  }
  // The record describes the group without its first member.
  const record = groupRecord(new ClassicGroup(group.groupId, shard.nowMs()), new Map())
  shard.log.write([...tombstones, record], { done })
}

/** A UUID like Java's `UUID.randomUUID().toString()`. */
function randomUuid(shard: ClassicGroupShard): string {
  const bytes = shard.runtime.secureRandom(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

import { type ErrorName, errorCode } from '@ottla/codec'
import { joinConsumerGroup } from '../consumer-groups/consumer-group-classic.ts'
import { groupGone } from '../consumer-groups/consumer-group-records.ts'
import { streamsGroupGone } from '../streams-groups/streams-group-records.ts'
import { ClassicGroup, currentGeneration, joinError } from './group.ts'
import { GroupMember, type JoinGroupBody, type JoinGroupResponse, ownProtocols } from './group-member.ts'
import { GroupOperation } from './group-operation.ts'
import { completeJoinPhaseIfAllIn, keepAlive, prepareRebalance, rebalanceOrCompleteJoin } from './group-rebalance.ts'
import { groupRecord } from './group-records.ts'
import { type GroupShard, sessionKey, writeErrorForMember } from './group-shard.ts'

/** Who sends a request. */
export interface MemberClient {
  readonly clientId: string
  /** As Kafka shows it: `/127.0.0.1`. */
  readonly clientHost: string
  readonly apiVersion: number
}

/** A JoinGroup: answered at once, or when the rebalance it starts or joins is through. */
export function joinGroup(
  shard: GroupShard,
  body: JoinGroupBody,
  client: MemberClient,
  respond: (response: JoinGroupResponse) => void,
): void {
  const { groupId, memberId } = body
  const problem = problemWithJoin(shard, body)
  if (problem) {
    respond(joinError(problem, memberId))
    return
  }
  if (shard.shares.groups.has(groupId)) {
    respond(joinError('INCONSISTENT_GROUP_PROTOCOL', memberId))
    return
  }
  const consumers = shard.consumerGroups.get(groupId)
  if (consumers !== undefined && !consumers.isEmpty) {
    joinConsumerGroup(shard, consumers, { body, client }, respond)
    return
  }
  const streams = shard.streamsGroups.get(groupId)
  if (streams !== undefined && !streams.isEmpty) {
    respond(joinError('INCONSISTENT_GROUP_PROTOCOL', ''))
    return
  }
  const operation = new GroupOperation(shard)
  // An empty group changes its protocol with the next that joins.
  if (consumers !== undefined) operation.add(...groupGone(consumers))
  if (streams !== undefined) operation.addStreams(...streamsGroupGone(streams))
  shard.consumerGroups.delete(groupId)
  shard.streamsGroups.delete(groupId)
  // A member that comes with an id must have got it from this group.
  if (memberId !== '' && !shard.groups.has(groupId)) {
    respond(joinError('UNKNOWN_MEMBER_ID', memberId))
    return
  }
  const known = shard.groups.get(groupId)
  const group = known ?? shard.createGroup(groupId)
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
  if (!known) persistNewGroup(shard, group, operation)
}

function problemWithJoin(shard: GroupShard, body: JoinGroupBody): ErrorName | undefined {
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = shard.config
  if (body.groupId === '') return 'INVALID_GROUP_ID'
  if (body.sessionTimeoutMs < minSessionTimeoutMs || body.sessionTimeoutMs > maxSessionTimeoutMs) {
    return 'INVALID_SESSION_TIMEOUT'
  }
  return undefined
}

function hasRoomFor(shard: GroupShard, group: ClassicGroup, memberId: string): boolean {
  const { maxSize } = shard.config
  if (group.state === 'PreparingRebalance') {
    // Those who wait already count, not those who may still come: so the slowest of too many are left out.
    return group.members.get(memberId)?.awaitingJoin !== undefined || group.awaitingJoinCount() < maxSize
  }
  if (group.state === 'Empty') return true
  return group.members.has(memberId) || group.members.size < maxSize
}

function joinAsNew(
  shard: GroupShard,
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
  shard: GroupShard,
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
  shard: GroupShard,
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
    protocols: ownProtocols(body),
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
  shard: GroupShard,
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
  shard: GroupShard,
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

function persistNewGroup(shard: GroupShard, group: ClassicGroup, operation: GroupOperation): void {
  const done = (error: ErrorName | undefined): void => {
    // A write that only takes too long may still go through: the group stays then.
    if (!error || error === 'REQUEST_TIMED_OUT' || shard.groups.get(group.groupId) !== group) return
    const code = writeErrorForMember(error)
    for (const member of group.members.values()) group.completeJoin(member, joinError(code, member.memberId))
    shard.removeGroup(group)
  }
  // Written as it was before its first member.
  operation.addRecord(groupRecord(new ClassicGroup(group.groupId, shard.nowMs()), new Map()))
  operation.write(done)
}

/** A UUID in the form of Java's `UUID.randomUUID().toString()`. */
function randomUuid(shard: GroupShard): string {
  const bytes = shard.runtime.secureRandom(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

import { type ErrorName, errorCode } from '@ottla/codec'
import { joinError, NO_BYTES } from '../coordinators/classic-protocol.ts'
import { type ClassicGroup, currentGeneration } from './classic-group.ts'
import type { GroupMember } from './classic-group-member.ts'
import { groupRecord } from './classic-group-records.ts'
import { type ClassicGroupShard, joinKey, sessionKey, syncKey } from './classic-group-shard.ts'

/** Restarts the member's session timer. */
export function keepAlive(shard: ClassicGroupShard, group: ClassicGroup, memberId: string, timeoutMs: number): void {
  shard.timers.schedule(sessionKey(group, memberId), timeoutMs, () => expireMember(shard, group, memberId))
}

export function rebalanceOrCompleteJoin(shard: ClassicGroupShard, group: ClassicGroup): void {
  if (group.canRebalance()) prepareRebalance(shard, group)
  else completeJoinPhaseIfAllIn(shard, group)
}

export function prepareRebalance(shard: ClassicGroupShard, group: ClassicGroup): void {
  if (group.state === 'CompletingRebalance') resetAssignments(shard, group, 'REBALANCE_IN_PROGRESS')
  group.pendingSyncMembers.clear()
  shard.timers.cancel(syncKey(group))
  const isInitial = group.state === 'Empty'
  group.transitionTo('PreparingRebalance', shard.nowMs())
  if (isInitial) {
    const delayMs = shard.config.initialRebalanceDelayMs
    delayInitialRebalance(shard, group, delayMs, Math.max(group.rebalanceTimeoutMs() - delayMs, 0))
  } else if (group.hasAllMembersJoined()) {
    completeJoinPhase(shard, group)
  } else {
    shard.timers.schedule(joinKey(group), group.rebalanceTimeoutMs(), () => completeJoinPhase(shard, group))
  }
}

/** KIP-134: the first rebalance waits for more members. Each new one extends the delay, up to the rebalance timeout. */
function delayInitialRebalance(
  shard: ClassicGroupShard,
  group: ClassicGroup,
  delayMs: number,
  remainingMs: number,
): void {
  shard.timers.schedule(joinKey(group), delayMs, () => {
    if (!group.newMemberAdded || remainingMs === 0) return completeJoinPhase(shard, group)
    group.newMemberAdded = false
    const nextDelayMs = Math.min(shard.config.initialRebalanceDelayMs, remainingMs)
    delayInitialRebalance(shard, group, nextDelayMs, Math.max(remainingMs - delayMs, 0))
  })
}

/** Ends the join phase when all members have joined; the initial rebalance ends only by its timer. */
export function completeJoinPhaseIfAllIn(shard: ClassicGroupShard, group: ClassicGroup): void {
  if (group.state !== 'PreparingRebalance' || group.previousState === 'Empty') return
  if (group.hasAllMembersJoined()) completeJoinPhase(shard, group)
}

/** Removes the dynamic members that did not rejoin, and starts the next generation. */
function completeJoinPhase(shard: ClassicGroupShard, group: ClassicGroup): void {
  shard.timers.cancel(joinKey(group))
  if (group.state !== 'PreparingRebalance') return
  for (const member of [...group.members.values()]) {
    if (member.awaitingJoin || member.groupInstanceId !== null) continue
    group.remove(member.memberId)
    shard.timers.cancel(sessionKey(group, member.memberId))
  }
  if (!group.electLeaderAmongJoined() && group.members.size > 0) {
    // Only static members are left and none has rejoined: wait until one does or their sessions expire.
    shard.timers.schedule(joinKey(group), group.rebalanceTimeoutMs(), () => completeJoinPhase(shard, group))
    return
  }
  group.nextGeneration(shard.nowMs())
  if (group.members.size === 0) {
    // If the write fails, the next load restores the previous generation, which does no harm without members.
    shard.log.write([groupRecord(group, new Map())], { done: () => {} })
    return
  }
  for (const member of [...group.members.values()]) {
    const members = group.isLeader(member.memberId) ? group.membersForLeader() : []
    group.completeJoin(member, currentGeneration(group, member.memberId, members))
    keepAlive(shard, group, member.memberId, member.sessionTimeoutMs)
    member.isNew = false
    group.pendingSyncMembers.add(member.memberId)
  }
  const { generationId } = group
  shard.timers.schedule(syncKey(group), group.rebalanceTimeoutMs(), () => expireSync(shard, group, generationId))
}

/** Removes the members that did not send their SyncGroup, and starts a rebalance. */
function expireSync(shard: ClassicGroupShard, group: ClassicGroup, generationId: number): void {
  if (group.generationId !== generationId || group.pendingSyncMembers.size === 0) return
  if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return
  for (const memberId of [...group.pendingSyncMembers]) {
    group.remove(memberId)
    shard.timers.cancel(sessionKey(group, memberId))
  }
  prepareRebalance(shard, group)
}

function expireMember(shard: ClassicGroupShard, group: ClassicGroup, memberId: string): void {
  if (group.pendingJoinMembers.has(memberId)) {
    group.remove(memberId)
    if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined()) completeJoinPhase(shard, group)
    return
  }
  const member = group.members.get(memberId)
  if (!member || member.hasSatisfiedHeartbeat()) return
  removeMember(shard, group, member)
  if (group.state === 'Stable' || group.state === 'CompletingRebalance') rebalanceOrCompleteJoin(shard, group)
  else if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined()) completeJoinPhase(shard, group)
}

/** Removes the member and fails its held requests, after which a live client joins again. */
export function removeMember(shard: ClassicGroupShard, group: ClassicGroup, member: GroupMember): void {
  shard.timers.cancel(sessionKey(group, member.memberId))
  group.completeJoin(member, joinError('UNKNOWN_MEMBER_ID', ''))
  group.completeSync(member, { errorCode: errorCode('UNKNOWN_MEMBER_ID'), assignment: NO_BYTES })
  group.remove(member.memberId)
}

/** Clears all assignments and fails the held SyncGroups. */
export function resetAssignments(shard: ClassicGroupShard, group: ClassicGroup, error: ErrorName): void {
  for (const member of group.members.values()) member.assignment = NO_BYTES
  respondToHeldSyncs(shard, group, error)
}

export function respondToHeldSyncs(shard: ClassicGroupShard, group: ClassicGroup, error?: ErrorName): void {
  for (const member of [...group.members.values()]) {
    const response = error
      ? { errorCode: errorCode(error), assignment: member.assignment }
      : {
          errorCode: 0,
          protocolType: group.protocolType,
          protocolName: group.protocolName,
          assignment: member.assignment,
        }
    // The session timer may have fired without effect while the request was held, so it is restarted.
    if (group.completeSync(member, response)) keepAlive(shard, group, member.memberId, member.sessionTimeoutMs)
  }
}

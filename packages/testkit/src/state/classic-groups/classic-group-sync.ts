import type { ErrorName } from '@ottla/codec'
import { NO_BYTES, type SyncGroupBody, type SyncGroupResponse, syncError } from '../coordinators/classic-protocol.ts'
import { writeErrorForMember } from '../coordinators/coordinator-log.ts'
import type { ClassicGroup } from './classic-group.ts'
import { rebalanceOrCompleteJoin, resetAssignments, respondToHeldSyncs } from './classic-group-rebalance.ts'
import { groupRecord } from './classic-group-records.ts'
import { type ClassicGroupShard, syncKey } from './classic-group-shard.ts'

/** Handles a SyncGroup, which is held until the leader's assignment is committed. */
export function syncClassicGroup(
  shard: ClassicGroupShard,
  body: SyncGroupBody,
  respond: (response: SyncGroupResponse) => void,
): void {
  const fail = (error: ErrorName): void => respond(syncError(error))
  const group = shard.classicGroups.get(body.groupId)
  if (!group || group.state === 'Empty') {
    fail('UNKNOWN_MEMBER_ID')
    return
  }
  const error = validateSync(group, body)
  if (error) {
    fail(error)
    return
  }
  const member = group.members.get(body.memberId)
  if (!member) {
    fail('UNKNOWN_MEMBER_ID')
    return
  }
  if (group.state === 'PreparingRebalance') {
    fail('REBALANCE_IN_PROGRESS')
    return
  }
  group.pendingSyncMembers.delete(member.memberId)
  if (group.pendingSyncMembers.size === 0) shard.timers.cancel(syncKey(group))
  if (group.state === 'Stable') {
    const { protocolType, protocolName } = group
    respond({ errorCode: 0, protocolType, protocolName, assignment: member.assignment })
    return
  }
  member.awaitingSync = respond
  if (group.isLeader(member.memberId)) storeAssignment(shard, group, body)
}

function validateSync(group: ClassicGroup, body: SyncGroupBody): ErrorName | undefined {
  const error = group.validateMember(body.memberId, body.groupInstanceId)
  if (error) return error
  if (body.generationId !== group.generationId) return 'ILLEGAL_GENERATION'
  // Null before version 5.
  const differs = (sent: string | null, own: string | null): boolean => sent !== null && own !== null && sent !== own
  if (differs(body.protocolType, group.protocolType) || differs(body.protocolName, group.protocolName)) {
    return 'INCONSISTENT_GROUP_PROTOCOL'
  }
  return undefined
}

/** Applies the leader's assignment once it is committed, unless another rebalance has started by then. */
function storeAssignment(shard: ClassicGroupShard, group: ClassicGroup, body: SyncGroupBody): void {
  const assignments = new Map(body.assignments.map((each) => [each.memberId, new Uint8Array(each.assignment)]))
  const done = (error: ErrorName | undefined): void => {
    if (group.state !== 'CompletingRebalance' || group.generationId !== body.generationId) return
    if (error) {
      resetAssignments(shard, group, writeErrorForMember(error))
      rebalanceOrCompleteJoin(shard, group)
      return
    }
    for (const member of group.members.values()) member.assignment = assignments.get(member.memberId) ?? NO_BYTES
    respondToHeldSyncs(shard, group)
    group.transitionTo('Stable', shard.nowMs())
  }
  shard.log.write([groupRecord(group, assignments)], { done })
}

import { type ErrorName, errorCode } from '@ottla/codec'
import { syncWithConsumerGroup } from '../consumer-groups/consumer-group-classic.ts'
import type { ClassicGroup } from './group.ts'
import { NO_BYTES, type SyncGroupBody, type SyncGroupResponse } from './group-member.ts'
import { rebalanceOrCompleteJoin, resetAssignments, respondToHeldSyncs } from './group-rebalance.ts'
import { groupRecord } from './group-records.ts'
import { type GroupShard, syncKey, writeErrorForMember } from './group-shard.ts'

/** A SyncGroup: held until the leader's has come and is committed. */
export function syncGroup(
  shard: GroupShard,
  body: SyncGroupBody,
  respond: (response: SyncGroupResponse) => void,
): void {
  const fail = (error: ErrorName): void => respond({ errorCode: errorCode(error), assignment: NO_BYTES })
  if (body.groupId === '') {
    fail('INVALID_GROUP_ID')
    return
  }
  const consumers = shard.consumerGroups.get(body.groupId)
  if (consumers !== undefined && !consumers.isEmpty) {
    syncWithConsumerGroup(shard, consumers, body, respond)
    return
  }
  const group = shard.groups.get(body.groupId)
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
  // Before v5 a member does not say what it thinks the protocol is.
  const differs = (said: string | null, is: string | null): boolean => said !== null && is !== null && said !== is
  if (differs(body.protocolType, group.protocolType) || differs(body.protocolName, group.protocolName)) {
    return 'INCONSISTENT_GROUP_PROTOCOL'
  }
  return undefined
}

/** The assignment counts from when it is committed, unless the group has moved on by then. */
function storeAssignment(shard: GroupShard, group: ClassicGroup, body: SyncGroupBody): void {
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

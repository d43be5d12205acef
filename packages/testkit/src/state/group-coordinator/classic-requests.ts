import type { ErrorName } from '@ottla/codec'
import { heartbeatClassicGroup } from '../classic-groups/classic-group-heartbeat.ts'
import { joinClassicGroup } from '../classic-groups/classic-group-join.ts'
import { leaveClassicGroup } from '../classic-groups/classic-group-leave.ts'
import { syncClassicGroup } from '../classic-groups/classic-group-sync.ts'
import {
  heartbeatToConsumerGroup,
  joinConsumerGroup,
  leaveConsumerGroup,
  syncWithConsumerGroup,
} from '../consumer-groups/consumer-group-classic.ts'
import {
  type ClassicHeartbeatBody,
  type JoinGroupBody,
  type JoinGroupResponse,
  joinError,
  type LeaveResult,
  type LeavingMember,
  type MemberClient,
  type SyncGroupBody,
  type SyncGroupResponse,
  syncError,
} from '../coordinators/classic-protocol.ts'
import type { GroupCoordinatorShard } from './group-coordinator-shard.ts'

// The requests of the classic protocol, dispatched to classic groups and to consumer groups with classic members.

/** Handles a JoinGroup. A new classic group replaces an empty consumer or streams group. */
export function joinGroup(
  shard: GroupCoordinatorShard,
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
  const replaced = consumers === undefined && streams === undefined ? undefined : shard.offsetKindOf(groupId)
  const tombstones = replaced?.tombstones(groupId) ?? []
  replaced?.remove(groupId)
  joinClassicGroup(shard, { body, client, tombstones }, respond)
}

function problemWithJoin(shard: GroupCoordinatorShard, body: JoinGroupBody): ErrorName | undefined {
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = shard.config
  if (body.groupId === '') return 'INVALID_GROUP_ID'
  if (body.sessionTimeoutMs < minSessionTimeoutMs || body.sessionTimeoutMs > maxSessionTimeoutMs) {
    return 'INVALID_SESSION_TIMEOUT'
  }
  return undefined
}

export function syncGroup(
  shard: GroupCoordinatorShard,
  body: SyncGroupBody,
  respond: (response: SyncGroupResponse) => void,
): void {
  const consumers = shard.consumerGroups.get(body.groupId)
  if (body.groupId === '') respond(syncError('INVALID_GROUP_ID'))
  else if (consumers !== undefined && !consumers.isEmpty) syncWithConsumerGroup(shard, consumers, body, respond)
  else syncClassicGroup(shard, body, respond)
}

/** Handles a Heartbeat: returns undefined when the member's generation is current. */
export function heartbeat(shard: GroupCoordinatorShard, body: ClassicHeartbeatBody): ErrorName | undefined {
  if (body.groupId === '') return 'INVALID_GROUP_ID'
  const consumers = shard.consumerGroups.get(body.groupId)
  return consumers === undefined ? heartbeatClassicGroup(shard, body) : heartbeatToConsumerGroup(shard, consumers, body)
}

/** Handles a LeaveGroup. An administrator names a static member by its instance id alone. */
export function leaveGroup(
  shard: GroupCoordinatorShard,
  groupId: string,
  leaving: readonly LeavingMember[],
): LeaveResult[] {
  const consumers = shard.consumerGroups.get(groupId)
  return consumers === undefined
    ? leaveClassicGroup(shard, groupId, leaving)
    : leaveConsumerGroup(shard, consumers, leaving)
}

import { samePartitions } from '../coordinators/member-partitions.ts'
import type { StreamsGroup } from './streams-group.ts'
import { assignTasks } from './streams-group-assignor.ts'
import { initialDelayKey } from './streams-group-fence.ts'
import { noTasks, type StreamsMember } from './streams-group-member.ts'
import type { StreamsTarget } from './streams-group-reconcile.ts'
import { streamsTargetChange, streamsTargetEpochChange } from './streams-group-records.ts'
import type { StreamsGroupOperation, StreamsGroupShard } from './streams-group-shard.ts'
import { type ConfiguredTopology, type Status, statusCodes } from './streams-group-topology.ts'

const delayed = (by: string): Status => ({
  statusCode: statusCodes.ASSIGNMENT_DELAYED,
  statusDetail: `Assignment delayed due to the configured ${by}.`,
})

/** Computes a new assignment for a newer group epoch, unless the initial delay or the assignment interval is running. */
export function updateTaskTarget(
  shard: StreamsGroupShard,
  group: StreamsGroup,
  what: { readonly updated?: StreamsMember; readonly configured: ConfiguredTopology; readonly groupEpoch: number },
  operation: StreamsGroupOperation,
): StreamsTarget & { readonly status?: Status } {
  const { updated, configured, groupEpoch } = what
  const { groupId } = group
  const targetEpoch = group.assignmentEpoch
  if (shard.timers.has(initialDelayKey(groupId))) {
    return { targetEpoch, target: noTasks, status: delayed('initial rebalance delay') }
  }
  const last = { targetEpoch, target: updated === undefined ? noTasks : group.targetOf(updated.memberId) }
  if (group.assignmentEpoch >= groupEpoch) return last
  const nowMs = shard.nowMs()
  const { assignmentIntervalMs, standbyReplicas } = shard.streamsConfig(groupId)
  if (group.assignmentTimestampMs !== 0 && nowMs < group.assignmentTimestampMs + assignmentIntervalMs) {
    return { ...last, status: delayed('assignment interval') }
  }
  const members = new Map(group.members)
  if (updated !== undefined) members.set(updated.memberId, updated)
  const subtopologies = (configured.problem === undefined ? (configured.subtopologies ?? []) : []).map((each) => ({
    subtopologyId: each.subtopologyId,
    taskCount: each.taskCount,
    isStateful: each.stateChangelogTopics.length > 0,
  }))
  const assignorMembers = new Map(
    [...members.values()].map(({ memberId, processId }) => [memberId, { processId, target: group.targetOf(memberId) }]),
  )
  const assignment = assignTasks(assignorMembers, subtopologies, standbyReplicas)
  for (const memberId of members.keys()) {
    const target = assignment.get(memberId) ?? noTasks
    const before = group.targets.get(memberId)
    const isSame =
      before !== undefined &&
      samePartitions(before.active, target.active) &&
      samePartitions(before.standby, target.standby)
    if (!isSame) operation.add(streamsTargetChange(groupId, memberId, target))
  }
  operation.add(streamsTargetEpochChange(groupId, groupEpoch, nowMs))
  const own = updated === undefined ? undefined : assignment.get(updated.memberId)
  return { targetEpoch: groupEpoch, target: own ?? noTasks }
}

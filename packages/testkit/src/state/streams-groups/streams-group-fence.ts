import type { StreamsGroup } from './streams-group.ts'
import type { StreamsMember } from './streams-group-member.ts'
import { streamsEpochChange, streamsMemberTombstones } from './streams-group-records.ts'
import { newOperation, type StreamsGroupOperation, type StreamsGroupShard } from './streams-group-shard.ts'

type StreamsTimer = 'session' | 'rebalance'

/** The delay before a fencing whose records the log rejected is retried. */
const RETRY_MS = 500

const keyOf = (kind: StreamsTimer, groupId: string, memberId: string): string =>
  `streams ${kind} ${groupId.length} ${groupId} ${memberId}`
export const initialDelayKey = (groupId: string): string => `streams initial ${groupId}`

export function keepStreamsMemberAlive(shard: StreamsGroupShard, groupId: string, memberId: string): void {
  const { sessionTimeoutMs } = shard.streamsConfig(groupId)
  fenceAfter(shard, { kind: 'session', groupId, memberId }, sessionTimeoutMs, () => true)
}

/** Fences the member unless it confirms its revocation within its rebalance timeout. */
export function limitTaskRevocation(shard: StreamsGroupShard, groupId: string, member: StreamsMember): void {
  const { memberId, memberEpoch, rebalanceTimeoutMs } = member
  const timer = { kind: 'rebalance', groupId, memberId } as const
  fenceAfter(shard, timer, rebalanceTimeoutMs, (now) => now.memberEpoch === memberEpoch)
}

export function cancelRevocationLimit(shard: StreamsGroupShard, groupId: string, memberId: string): void {
  shard.timers.cancel(keyOf('rebalance', groupId, memberId))
}

interface Timer {
  readonly kind: StreamsTimer
  readonly groupId: string
  readonly memberId: string
}

function fenceAfter(
  shard: StreamsGroupShard,
  timer: Timer,
  timeoutMs: number,
  isDue: (member: StreamsMember) => boolean,
): void {
  const { kind, groupId, memberId } = timer
  shard.timers.schedule(keyOf(kind, groupId, memberId), timeoutMs, () => {
    const group = shard.streamsGroups.get(groupId)
    const member = group?.members.get(memberId)
    if (group === undefined || member === undefined || !isDue(member)) return
    const operation = newOperation(shard)
    removeStreamsMember(shard, group, memberId, operation)
    operation.write((error) => {
      const isOver = error === undefined || shard.isUnloaded
      if (!isOver && group.members.has(memberId)) fenceAfter(shard, timer, RETRY_MS, isDue)
    })
  })
}

export function removeStreamsMember(
  shard: StreamsGroupShard,
  group: StreamsGroup,
  memberId: string,
  operation: StreamsGroupOperation,
): void {
  const { groupId, groupEpoch, metadataHash, validatedTopologyEpoch, assignmentConfigs } = group
  operation.add(...streamsMemberTombstones(groupId, memberId))
  const epoch = { epoch: groupEpoch + 1, metadataHash, validatedTopologyEpoch, assignmentConfigs }
  operation.add(streamsEpochChange(groupId, epoch))
  shard.timers.cancel(keyOf('session', groupId, memberId))
  cancelRevocationLimit(shard, groupId, memberId)
}

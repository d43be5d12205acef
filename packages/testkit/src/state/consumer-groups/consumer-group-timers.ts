import type { ConsumerGroupShard } from './consumer-group-shard.ts'

const kinds = ['session', 'rebalance', 'join', 'sync'] as const

/** Each is a time after which a member is fenced: to be heard, to let go of partitions, to join and to sync again. */
export type MemberTimer = (typeof kinds)[number]

// Group and member ids may hold any character: a length in front keeps two different pairs apart.
export const memberTimer = (kind: MemberTimer, groupId: string, memberId: string): string =>
  `consumer ${kind} ${groupId.length} ${groupId} ${memberId}`

export function cancelMemberTimer(
  shard: ConsumerGroupShard,
  kind: MemberTimer,
  groupId: string,
  memberId: string,
): void {
  shard.timers.cancel(memberTimer(kind, groupId, memberId))
}

export function cancelMemberTimers(shard: ConsumerGroupShard, groupId: string, memberId: string): void {
  for (const kind of kinds) cancelMemberTimer(shard, kind, groupId, memberId)
}

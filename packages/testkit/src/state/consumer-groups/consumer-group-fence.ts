import type { ErrorName } from '@ottla/codec'
import { metadataHash } from '../coordinators/group-topics.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { allowsDowngrade } from './consumer-group-config.ts'
import { type ConsumerMember, regexOf } from './consumer-group-member.ts'
import { epochChange, memberTombstones, regexTombstone } from './consumer-group-records.ts'
import {
  type ConsumerGroupOperation,
  type ConsumerGroupShard,
  cancelMemberTimers,
  type MemberTimer,
  memberTimer,
  newOperation,
} from './consumer-group-shard.ts'

/** The delay before a fencing whose records the log rejected is retried. */
const RETRY_MS = 500

/** Restarts the member's session timer. */
export function keepMemberAlive(shard: ConsumerGroupShard, groupId: string, member: ConsumerMember): void {
  const timeoutMs = member.classic?.sessionTimeoutMs ?? shard.consumerConfig(groupId).sessionTimeoutMs
  fenceAfter(shard, { kind: 'session', groupId, memberId: member.memberId }, timeoutMs)
}

/** Fences the member unless it confirms its revocation within its rebalance timeout. */
export function limitRevocation(shard: ConsumerGroupShard, groupId: string, member: ConsumerMember): void {
  const { memberId, memberEpoch, rebalanceTimeoutMs } = member
  const timer = { kind: 'rebalance', groupId, memberId } as const
  fenceAfter(shard, timer, rebalanceTimeoutMs, (now) => now.memberEpoch === memberEpoch)
}

interface FenceTimer {
  readonly kind: MemberTimer
  readonly groupId: string
  readonly memberId: string
}

export function fenceAfter(
  shard: ConsumerGroupShard,
  timer: FenceTimer,
  timeoutMs: number,
  isDue: (member: ConsumerMember) => boolean = () => true,
): void {
  const { kind, groupId, memberId } = timer
  shard.timers.schedule(memberTimer(kind, groupId, memberId), timeoutMs, () => {
    const group = shard.consumerGroups.get(groupId)
    const member = group?.members.get(memberId)
    if (group === undefined || member === undefined || !isDue(member)) return
    const operation = newOperation(shard)
    fenceMembers(shard, group, [member], operation)
    operation.write((error) => retry(shard, timer, isDue, error))
  })
}

function retry(
  shard: ConsumerGroupShard,
  timer: FenceTimer,
  isDue: (member: ConsumerMember) => boolean,
  error: ErrorName | undefined,
): void {
  const isOver = error === undefined || shard.isUnloaded
  const group = shard.consumerGroups.get(timer.groupId)
  if (!isOver && group?.members.has(timer.memberId)) fenceAfter(shard, timer, RETRY_MS, isDue)
}

/** True when only classic members remain without the leaving ones, and the group may be downgraded. */
export function mayDowngradeWithout(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  leaving: readonly ConsumerMember[],
): boolean {
  const stay = group.members.size - leaving.length
  const classic = group.classicMemberCount - leaving.filter((member) => member.classic !== null).length
  if (stay <= 0 || classic !== stay || stay > shard.config.maxSize) return false
  return allowsDowngrade(shard.consumerConfig(group.groupId).migrationPolicy)
}

/** Removes members. If only classic ones remain, the group is downgraded. */
export function fenceMembers(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  operation: ConsumerGroupOperation,
): void {
  if (members.length === 0) return
  const { groupId } = group
  if (mayDowngradeWithout(shard, group, members)) {
    shard.migration.downgrade(group, { leaving: members, rebalances: true }, operation)
    return
  }
  for (const { memberId } of members) operation.add(...memberTombstones(groupId, memberId))
  const without = new Set(members.map(({ memberId }) => memberId))
  const withoutRegexes = new Set<string>()
  for (const [regex, count] of group.regexCounts()) {
    if (members.filter((member) => regexOf(member) === regex).length < count) continue
    operation.add(regexTombstone(groupId, regex))
    withoutRegexes.add(regex)
  }
  const hash = metadataHash(shard.topics, group.subscribedTopics({ without, withoutRegexes }).keys())
  operation.add(epochChange(groupId, group.groupEpoch + 1, hash))
  for (const { memberId } of members) cancelMemberTimers(shard, groupId, memberId)
}

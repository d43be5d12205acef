import type { ErrorName } from '@ottla/codec'
import { metadataHash } from '../coordinators/group-topics.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { allowsDowngrade } from './consumer-group-config.ts'
import { type ConsumerMember, regexOf } from './consumer-group-member.ts'
import { epochChange, memberGone, regexGone } from './consumer-group-records.ts'
import { type ConsumerGroupOperation, type ConsumerGroupShard, newOperation } from './consumer-group-shard.ts'
import { cancelMemberTimers, type MemberTimer, memberTimer } from './consumer-group-timers.ts'

/** How long to wait after a timer's records were refused by the log. */
const RETRY_MS = 500

/** (Re)starts the clock after which the member counts as gone. */
export function keepMemberAlive(shard: ConsumerGroupShard, groupId: string, member: ConsumerMember): void {
  const timeoutMs = member.classic?.sessionTimeoutMs ?? shard.consumerConfig(groupId).sessionTimeoutMs
  fenceAfter(shard, { kind: 'session', groupId, memberId: member.memberId }, timeoutMs)
}

/** A member that has to let go of partitions has this long to say that it did. */
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
  isStillDue: (member: ConsumerMember) => boolean = () => true,
): void {
  const { kind, groupId, memberId } = timer
  shard.timers.schedule(memberTimer(kind, groupId, memberId), timeoutMs, () => {
    const group = shard.consumerGroups.get(groupId)
    const member = group?.members.get(memberId)
    if (group === undefined || member === undefined || !isStillDue(member)) return
    const operation = newOperation(shard)
    fenceMembers(shard, group, [member], operation)
    operation.write((error) => retry(shard, timer, isStillDue, error))
  })
}

function retry(
  shard: ConsumerGroupShard,
  timer: FenceTimer,
  isStillDue: (member: ConsumerMember) => boolean,
  error: ErrorName | undefined,
): void {
  const isOver = error === undefined || shard.isUnloaded
  const group = shard.consumerGroups.get(timer.groupId)
  if (!isOver && group?.members.has(timer.memberId)) fenceAfter(shard, timer, RETRY_MS, isStillDue)
}

/** Only members of the classic protocol are left, and the group may go back to it. */
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

/** Takes members out; when only classic ones are left, the group is a classic one again. */
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
  for (const { memberId } of members) operation.add(...memberGone(groupId, memberId))
  const without = new Set(members.map(({ memberId }) => memberId))
  const withoutRegexes = new Set<string>()
  for (const [regex, count] of group.regexCounts()) {
    if (members.filter((member) => regexOf(member) === regex).length < count) continue
    operation.add(regexGone(groupId, regex))
    withoutRegexes.add(regex)
  }
  const hash = metadataHash(shard.topics, group.subscribedTopics({ without, withoutRegexes }).keys())
  operation.add(epochChange(groupId, group.groupEpoch + 1, hash))
  for (const { memberId } of members) cancelMemberTimers(shard, groupId, memberId)
}

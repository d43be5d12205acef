import { GroupError } from '../coordinators/group-error.ts'
import { metadataHash } from '../coordinators/group-topics.ts'
import { compileRe2, re2Problem } from '../re2.ts'
import type { ConsumerGroup, ResolvedRegex } from './consumer-group.ts'
import { type ConsumerMember, regexOf } from './consumer-group-member.ts'
import { epochChange, regexChange, regexTombstone } from './consumer-group-records.ts'
import { type ConsumerGroupOperation, type ConsumerGroupShard, newOperation } from './consumer-group-shard.ts'

/** Kafka's minimum time between two resolutions of a group's expressions. */
const MIN_REFRESH_INTERVAL_MS = 10_000

export type RegexUpdate = 'no change' | 'updated' | 'updated and resolved'

/** Validates a member's new expression, and schedules the resolution of the group's expressions when it is due. */
export function updateRegexes(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  change: { readonly member: ConsumerMember; readonly updated: ConsumerMember },
  operation: ConsumerGroupOperation,
): RegexUpdate {
  const { member, updated } = change
  const before = regexOf(member)
  const after = regexOf(updated)
  const counts = group.regexCounts()
  let update: RegexUpdate = 'no change'
  let isDue = false
  if (member.subscribedTopicRegex !== updated.subscribedTopicRegex) {
    update = 'updated'
    if (before !== undefined && counts.get(before) === 1) operation.add(regexTombstone(group.groupId, before))
    if (after === undefined) {
      if (before !== undefined) update = 'updated and resolved'
    } else if (!counts.has(after)) {
      throwIfRegexInvalid(after)
      isDue = true
    } else if (group.resolvedRegexes.has(after)) {
      update = 'updated and resolved'
    }
  }
  if (isDue || counts.size > 0) resolveWhenDue(shard, group, group.regexCounts(member, updated), isDue)
  return update
}

function throwIfRegexInvalid(regex: string): void {
  const problem = re2Problem(regex)
  if (problem === undefined) return
  const message = `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${problem}.`
  throw new GroupError('INVALID_REGULAR_EXPRESSION', message)
}

function resolveWhenDue(
  shard: ConsumerGroupShard,
  group: ConsumerGroup,
  counts: ReadonlyMap<string, number>,
  isNew: boolean,
): void {
  const { groupId } = group
  if (shard.resolvingGroups.has(groupId)) return
  const nowMs = shard.nowMs()
  const [last] = group.resolvedRegexes.values()
  const lastMs = last?.timestampMs ?? Number.NEGATIVE_INFINITY
  if (nowMs <= lastMs + MIN_REFRESH_INTERVAL_MS) return
  const isDue =
    isNew ||
    counts.size !== group.resolvedRegexes.size ||
    (last?.version ?? 0) < shard.topics.versionOfNewestTopic() ||
    nowMs > lastMs + shard.consumerConfig(groupId).regexRefreshIntervalMs
  if (!isDue || counts.size === 0) return
  shard.resolvingGroups.add(groupId)
  // Asynchronous as in Kafka: the response does not wait for it.
  shard.timers.schedule(`regex ${groupId}`, 0, () => {
    shard.resolvingGroups.delete(groupId)
    resolve(shard, groupId, [...counts.keys()])
  })
}

function resolve(shard: ConsumerGroupShard, groupId: string, regexes: readonly string[]): void {
  const group = shard.consumerGroups.get(groupId)
  if (group === undefined) return
  const operation = newOperation(shard)
  const counts = group.regexCounts()
  const after = new Map<string, ResolvedRegex>(group.resolvedRegexes)
  let isChanged = false
  for (const regex of regexes) {
    if (!counts.has(regex)) continue
    const resolved = { topics: matching(shard, regex), version: shard.topics.version(), timestampMs: shard.nowMs() }
    const before = group.resolvedRegexes.get(regex)?.topics ?? new Set<string>()
    const isSame = before.size === resolved.topics.size && [...before].every((topic) => resolved.topics.has(topic))
    if (!isSame) isChanged = true
    after.set(regex, resolved)
    operation.add(regexChange(groupId, regex, resolved))
  }
  const hash = metadataHash(shard.topics, group.subscribedTopics({ regexes: after }).keys())
  if (isChanged || hash !== group.metadataHash) {
    const epoch = group.groupEpoch + 1
    operation.add(epochChange(groupId, epoch, hash))
    group.metadataDeadline = { ms: shard.nowMs() + 2_147_483_647, epoch }
  }
  // If the write fails, a later heartbeat triggers the resolution again.
  operation.write(() => {})
}

function matching(shard: ConsumerGroupShard, regex: string): Set<string> {
  const expression = compileRe2(regex)
  const topics = new Set<string>()
  for (const { name } of shard.topics.topics()) if (expression?.test(name)) topics.add(name)
  return topics
}

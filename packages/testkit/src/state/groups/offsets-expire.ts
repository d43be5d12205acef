import type { ConsumerGroup } from '../consumer-groups/consumer-group.ts'
import { groupGone } from '../consumer-groups/consumer-group-records.ts'
import { StreamsGroup } from '../streams-groups/streams-group.ts'
import { streamsGroupGone } from '../streams-groups/streams-group-records.ts'
import type { ClassicGroup } from './group.ts'
import { groupTombstone } from './group-records.ts'
import type { GroupShard } from './group-shard.ts'
import type { CommittedOffset } from './offsets.ts'
import { OffsetWrites } from './offsets-writes.ts'

/** Offsets of topics that a group does not read any more; an empty group goes with its last. */
function expireModernOffsets(shard: GroupShard, group: ConsumerGroup | StreamsGroup, nowMs: number): void {
  const writes = new OffsetWrites(shard, group.groupId)
  const { offsetsRetentionMs } = shard.config
  let kept = 0
  for (const [topic, partitions] of shard.offsets.latest.topics(group.groupId)) {
    for (const [partition, { commitTimestampMs, expireTimestampMs }] of partitions) {
      const endMs = expireTimestampMs ?? commitTimestampMs + offsetsRetentionMs
      const isExpired = nowMs >= endMs && !shard.offsets.isPending(group.groupId, topic, partition)
      if (isExpired && !group.isSubscribedTo(topic)) writes.remove(topic, partition)
      else kept++
    }
  }
  const goes = kept === 0 && group.isEmpty && !shard.offsets.hasPending(group.groupId)
  const gone = group instanceof StreamsGroup ? streamsGroupGone(group) : groupGone(group)
  if (goes) for (const { record } of gone) writes.add(record)
  writes.send(
    () => {},
    () => {
      if (!goes) return
      shard.consumerGroups.delete(group.groupId)
      shard.streamsGroups.delete(group.groupId)
    },
  )
}

/** KIP-211: offsets expire when their group is empty or does not read the topic for long; the group goes with its last. */
export function expireOffsets(shard: GroupShard): void {
  const nowMs = shard.nowMs()
  const modern = [...shard.consumerGroups.values(), ...shard.streamsGroups.values()]
  for (const group of modern) expireModernOffsets(shard, group, nowMs)
  for (const group of [...shard.groups.values()]) {
    const writes = new OffsetWrites(shard, group.groupId)
    if (shard.offsets.hasPending(group.groupId)) continue
    let kept = 0
    for (const [topic, partitions] of shard.offsets.latest.topics(group.groupId)) {
      for (const [partition, offset] of partitions) {
        if (!group.isSubscribedTo(topic) && isExpired(shard, group, offset, nowMs)) writes.remove(topic, partition)
        else kept++
      }
    }
    const goes = kept === 0 && group.state === 'Empty' && group.pendingJoinMembers.size === 0
    if (goes) writes.add(groupTombstone(group.groupId))
    writes.send(
      () => {},
      () => goes && shard.removeGroup(group),
    )
  }
}

function isExpired(shard: GroupShard, group: ClassicGroup, offset: CommittedOffset, nowMs: number): boolean {
  if (offset.expireTimestampMs !== undefined) return nowMs >= offset.expireTimestampMs
  const { offsetsRetentionMs } = shard.config
  if (group.protocolType === null) return nowMs - offset.commitTimestampMs >= offsetsRetentionMs
  if (group.state === 'Empty') {
    return nowMs - (group.stateTimestampMs ?? offset.commitTimestampMs) >= offsetsRetentionMs
  }
  const isAware = group.subscribedTopics !== undefined && group.state === 'Stable'
  return isAware && nowMs - offset.commitTimestampMs >= offsetsRetentionMs
}

import type { OffsetGroup, OffsetGroupKind, OffsetShard } from './offset-shard.ts'
import { OffsetWrites } from './offset-writes.ts'

/** Deletes the offsets that have expired (KIP-211), and each unused group with its last offset. */
export function expireOffsets(shard: OffsetShard): void {
  const nowMs = shard.nowMs()
  for (const kind of shard.offsetKinds) {
    for (const group of [...kind.groups()]) expireGroup(shard, kind, group, nowMs)
  }
}

function expireGroup(shard: OffsetShard, kind: OffsetGroupKind, group: OffsetGroup, nowMs: number): void {
  const { groupId } = group
  const { offsets, config } = shard
  const hasPending = offsets.hasPending(groupId)
  if (hasPending && group.keepsOffsetsInTransactions) return
  const writes = new OffsetWrites(shard, groupId)
  let kept = 0
  for (const [topic, partitions] of offsets.latest.topics(groupId)) {
    for (const [partition, offset] of partitions) {
      const expiryMs = group.offsetExpiryMs(offset, config.offsetsRetentionMs)
      const isExpired = expiryMs !== undefined && nowMs >= expiryMs && !offsets.isPending(groupId, topic, partition)
      if (isExpired && !group.isSubscribedTo(topic)) writes.remove(topic, partition)
      else kept++
    }
  }
  const isDeleted = kept === 0 && group.isUnused && !hasPending
  if (isDeleted) for (const record of kind.tombstones(groupId)) writes.add(record)
  writes.send(
    () => {},
    () => isDeleted && kind.remove(groupId),
  )
}

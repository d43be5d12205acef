import { decodeMessage, OffsetCommitKey, OffsetCommitValue, zeroUuid } from '@ottla/codec'
import { type CoordinatorRecord, int16, prefixed } from '../coordinators/coordinator-record.ts'
import type { CommittedOffset } from './committed-offsets.ts'
import type { OffsetShard } from './offset-shard.ts'

// Kafka's record types: the first two bytes of a key. 0 is an OffsetCommit of a broker before 0.9.
const OFFSET_COMMIT_V0 = 0
const OFFSET_COMMIT = 1

const OFFSET_COMMIT_VALUE_VERSION = 4
/** The only version with an expiry timestamp per offset. */
const OFFSET_COMMIT_VALUE_WITH_EXPIRY = 1

export function offsetRecord(
  group: string,
  topic: string,
  partition: number,
  offset: CommittedOffset,
): CoordinatorRecord {
  const expires = offset.expireTimestampMs !== undefined
  const version = expires ? OFFSET_COMMIT_VALUE_WITH_EXPIRY : OFFSET_COMMIT_VALUE_VERSION
  const value = prefixed(version, OffsetCommitValue, version, {
    offset: offset.offset,
    leaderEpoch: offset.leaderEpoch,
    metadata: offset.metadata,
    commitTimestamp: BigInt(offset.commitTimestampMs),
    expireTimestamp: BigInt(offset.expireTimestampMs ?? -1),
    topicId: offset.topicId ?? zeroUuid,
  })
  return { key: prefixed(OFFSET_COMMIT, OffsetCommitKey, 0, { group, topic, partition }), value }
}

export function offsetTombstone(group: string, topic: string, partition: number): CoordinatorRecord {
  return { key: prefixed(OFFSET_COMMIT, OffsetCommitKey, 0, { group, topic, partition }), value: null }
}

/** Applies a record read from the log; with a producer, at the end of its transaction. False for other records. */
export function replayOffset(shard: OffsetShard, record: CoordinatorRecord, producerId?: bigint): boolean {
  const { key, value } = record
  const type = int16(key)
  if (type !== OFFSET_COMMIT && type !== OFFSET_COMMIT_V0) return false
  const { group, topic, partition } = decodeMessage(OffsetCommitKey, 0, key.subarray(2))
  const { offsets } = shard
  if (value === null) {
    offsets.supersede(group, topic, partition)
    offsets.latest.remove(group, topic, partition)
    offsets.committed.remove(group, topic, partition)
    return true
  }
  // Offsets without a group are those of a consumer that only stores them in Kafka.
  shard.ensureGroup(group)
  const offset = decodeOffset(value)
  if (producerId !== undefined) {
    offsets.putPending(producerId, { groupId: group, topic, partition, offset })
    return true
  }
  offsets.supersede(group, topic, partition)
  offsets.latest.put(group, topic, partition, offset)
  offsets.committed.put(group, topic, partition, offset)
  return true
}

function decodeOffset(value: Uint8Array): CommittedOffset {
  const decoded = decodeMessage(OffsetCommitValue, int16(value), value.subarray(2))
  return {
    offset: decoded.offset,
    leaderEpoch: decoded.leaderEpoch,
    metadata: decoded.metadata,
    commitTimestampMs: Number(decoded.commitTimestamp),
    expireTimestampMs: decoded.expireTimestamp === -1n ? undefined : Number(decoded.expireTimestamp),
    topicId: decoded.topicId === zeroUuid ? null : decoded.topicId,
  }
}

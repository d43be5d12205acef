import { type Decoded, type ErrorName, errorCode, type OffsetCommit } from '@ottla/codec'
import type { ClassicGroup } from './group.ts'
import { keepAlive } from './group-rebalance.ts'
import { type GroupShard, writeErrorForMember } from './group-shard.ts'
import type { CommittedOffset } from './offsets.ts'
import { OffsetWrites } from './offsets-writes.ts'

export type OffsetCommitBody = Decoded<typeof OffsetCommit.request>
export type OffsetCommitTopic = OffsetCommitBody['topics'][number]

export interface TopicResult {
  readonly name: string
  readonly topicId: string
  readonly partitions: { readonly partitionIndex: number; readonly errorCode: number }[]
}

/** Commits offsets for topics that exist; `respond` gets a result for each partition once they are replicated. */
export function commitOffsets(
  shard: GroupShard,
  body: OffsetCommitBody,
  apiVersion: number,
  respond: (topics: readonly TopicResult[]) => void,
): void {
  const fail = (error: ErrorName): void => respond(body.topics.map((topic) => topicResult(topic, errorCode(error))))
  const group = shard.groups.get(body.groupId)
  const error = validateCommit(group, body, apiVersion)
  if (error) {
    fail(error)
    return
  }
  const member = group?.members.get(body.memberId)
  // A commit shows that its member lives.
  if (group && member && (group.state === 'Stable' || group.state === 'PreparingRebalance')) {
    keepAlive(shard, group, member.memberId, member.sessionTimeoutMs)
  }
  if (!group) shard.createGroup(body.groupId)
  const writes = new OffsetWrites(shard, body.groupId)
  const results = body.topics.map((topic) => {
    const tooLarge: number[] = []
    for (const partition of topic.partitions) {
      const offset = offsetOf(shard, body, topic, partition)
      if (offset.metadata.length > shard.config.offsetMetadataMaxBytes) tooLarge.push(partition.partitionIndex)
      else writes.put(topic.name, partition.partitionIndex, offset)
    }
    return topicResult(topic, 0, tooLarge)
  })
  writes.send((writeError) => (writeError ? fail(writeErrorForMember(writeError)) : respond(results)))
}

function offsetOf(
  shard: GroupShard,
  body: OffsetCommitBody,
  topic: OffsetCommitTopic,
  partition: OffsetCommitTopic['partitions'][number],
): CommittedOffset {
  const nowMs = shard.nowMs()
  return {
    offset: partition.committedOffset,
    leaderEpoch: partition.committedLeaderEpoch,
    metadata: partition.committedMetadata ?? '',
    commitTimestampMs: nowMs,
    expireTimestampMs: body.retentionTimeMs === -1n ? undefined : nowMs + Number(body.retentionTimeMs),
    topicId: topic.topicId === NO_TOPIC_ID ? null : topic.topicId,
  }
}

export const NO_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

function topicResult(topic: OffsetCommitTopic, code: number, tooLarge: readonly number[] = []): TopicResult {
  const partitions = topic.partitions.map(({ partitionIndex }) => ({
    partitionIndex,
    errorCode: tooLarge.includes(partitionIndex) ? errorCode('OFFSET_METADATA_TOO_LARGE') : code,
  }))
  return { name: topic.name, topicId: topic.topicId, partitions }
}

function validateCommit(
  group: ClassicGroup | undefined,
  body: OffsetCommitBody,
  apiVersion: number,
): ErrorName | undefined {
  const generationId = body.generationIdOrMemberEpoch
  if (!group) {
    // Without a generation it is a consumer that only stores offsets here, or an administrator.
    if (generationId < 0) return undefined
    return apiVersion >= 9 ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION'
  }
  if (generationId < 0 && group.state === 'Empty') return undefined
  if (generationId < 0 && body.memberId === '' && body.groupInstanceId === null) return 'UNKNOWN_MEMBER_ID'
  const error = group.validateMember(body.memberId, body.groupInstanceId)
  if (error) return error
  if (generationId !== group.generationId) return 'ILLEGAL_GENERATION'
  return group.state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined
}

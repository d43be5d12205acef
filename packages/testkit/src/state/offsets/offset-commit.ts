import {
  type Decoded,
  type ErrorName,
  errorCode,
  type OffsetCommit,
  type TxnOffsetCommit,
  zeroUuid,
} from '@ottla/codec'
import { writeErrorForMember } from '../coordinators/coordinator-log.ts'
import { catchGroupError } from '../coordinators/group-error.ts'
import type { CommittedOffset, PendingOffset } from './committed-offsets.ts'
import { offsetRecord } from './offset-records.ts'
import type { Committer, OffsetShard } from './offset-shard.ts'
import { OffsetWrites } from './offset-writes.ts'

export type OffsetCommitBody = Decoded<typeof OffsetCommit.request>
export type OffsetCommitTopic = OffsetCommitBody['topics'][number]

export interface TopicResult {
  readonly name: string
  readonly topicId: string
  readonly partitions: { readonly partitionIndex: number; readonly errorCode: number }[]
}

/** Commits offsets of existing topics. Responds with a result per partition once the offsets are replicated. */
export function commitOffsets(
  shard: OffsetShard,
  body: OffsetCommitBody,
  apiVersion: number,
  respond: (topics: readonly TopicResult[]) => void,
): void {
  const fail = (error: ErrorName): void => respond(body.topics.map((topic) => topicResult(topic, errorCode(error))))
  const committer = { ...body, memberEpoch: body.generationIdOrMemberEpoch, isTransactional: false, apiVersion }
  const error = problemWithCommit(shard, committer)
  if (error) {
    fail(error)
    return
  }
  shard.ensureGroup(body.groupId)
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

export type TxnOffsetCommitBody = Decoded<typeof TxnOffsetCommit.request>

/** Writes offsets of existing topics that count once the producer's transaction is committed. */
export function commitTransactionalOffsets(
  shard: OffsetShard,
  body: TxnOffsetCommitBody,
  topicIdOf: (topic: string) => string,
  respond: (result: ErrorName | readonly TransactionalResult[]) => void,
): void {
  const { groupId, producerId, producerEpoch } = body
  const topics = body.topics.map((topic) => ({ ...topic, topicId: topicIdOf(topic.name) }))
  const committer = { ...body, topics, memberEpoch: body.generationId, isTransactional: true, apiVersion: 0 }
  const error = problemWithCommit(shard, committer)
  if (error) {
    respond(error)
    return
  }
  shard.ensureGroup(groupId)
  const pending: PendingOffset[] = []
  const results = topics.map((topic) => {
    const tooLarge: number[] = []
    for (const partition of topic.partitions) {
      const offset = offsetOf(shard, { retentionTimeMs: -1n }, topic, partition)
      if (offset.metadata.length > shard.config.offsetMetadataMaxBytes) tooLarge.push(partition.partitionIndex)
      else pending.push({ groupId, topic: topic.name, partition: partition.partitionIndex, offset })
    }
    return topicResult(topic, 0, tooLarge)
  })
  const records = pending.map(({ topic, partition, offset }) => offsetRecord(groupId, topic, partition, offset))
  const appended = () => {
    for (const offset of pending) shard.offsets.putPending(producerId, offset)
  }
  if (records.length === 0) {
    respond(results)
    return
  }
  const done = (failure: ErrorName | undefined) => respond(failure ? writeErrorForMember(failure) : results)
  shard.log.write(records, { appended, done }, { producerId, producerEpoch })
}

/** The error that rejects the whole commit: of the member, or of the first partition that it may not commit. */
function problemWithCommit(
  shard: OffsetShard,
  committer: Committer & Pick<OffsetCommitBody, 'groupId' | 'topics'>,
): ErrorName | undefined {
  const { groupId, topics } = committer
  const kind = shard.offsetKindOf(groupId)
  if (kind === undefined) return 'GROUP_ID_NOT_FOUND'
  return catchGroupError<ErrorName | undefined>(
    () => {
      const check = kind.admitCommit(groupId, committer)
      for (const { topicId, partitions } of topics) {
        for (const { partitionIndex, committedMetadata } of partitions) {
          const isTooLarge = (committedMetadata ?? '').length > shard.config.offsetMetadataMaxBytes
          if (!isTooLarge) check(topicId, partitionIndex)
        }
      }
      return undefined
    },
    ({ error }) => error,
  )
}

type TransactionalResult = Omit<TopicResult, 'topicId'>

function offsetOf(
  shard: OffsetShard,
  body: Pick<OffsetCommitBody, 'retentionTimeMs'>,
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
    topicId: topic.topicId === zeroUuid ? null : topic.topicId,
  }
}

function topicResult(topic: OffsetCommitTopic, code: number, tooLarge: readonly number[] = []): TopicResult {
  const partitions = topic.partitions.map(({ partitionIndex }) => ({
    partitionIndex,
    errorCode: tooLarge.includes(partitionIndex) ? errorCode('OFFSET_METADATA_TOO_LARGE') : code,
  }))
  return { name: topic.name, topicId: topic.topicId, partitions }
}

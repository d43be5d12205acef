import {
  type Decoded,
  type ErrorName,
  errorCode,
  type OffsetCommit,
  type TxnOffsetCommit,
  zeroUuid,
} from '@ottla/codec'
import type { ConsumerGroup } from '../consumer-groups/consumer-group.ts'
import { type Committer, checkCommit, checkStreamsCommit } from '../consumer-groups/consumer-group-offsets.ts'
import { StreamsGroup } from '../streams-groups/streams-group.ts'
import type { ClassicGroup } from './group.ts'
import { orRefused } from './group-error.ts'
import { keepAlive } from './group-rebalance.ts'
import { offsetRecord } from './group-records.ts'
import { type GroupShard, writeErrorForMember } from './group-shard.ts'
import type { CommittedOffset, PendingOffset } from './offsets.ts'
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
  if (shard.shares.groups.has(body.groupId)) {
    fail('GROUP_ID_NOT_FOUND')
    return
  }
  const group = shard.groups.get(body.groupId)
  const consumers = shard.consumerGroups.get(body.groupId) ?? shard.streamsGroups.get(body.groupId)
  const memberEpoch = body.generationIdOrMemberEpoch
  const error = consumers
    ? problemWithMember(shard, consumers, { ...body, memberEpoch, isTransactional: false, apiVersion })
    : validateCommit(group, body, apiVersion)
  if (error) {
    fail(error)
    return
  }
  const member = group?.members.get(body.memberId)
  // A commit shows that its member lives.
  if (group && member && (group.state === 'Stable' || group.state === 'PreparingRebalance')) {
    keepAlive(shard, group, member.memberId, member.sessionTimeoutMs)
  }
  if (!shard.hasGroup(body.groupId)) shard.createGroup(body.groupId)
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

/** Writes offsets that hold once the producer's transaction is committed. Topics exist; their ids are added. */
export function commitTransactionalOffsets(
  shard: GroupShard,
  body: TxnOffsetCommitBody,
  topicIdOf: (topic: string) => string,
  respond: (result: ErrorName | readonly TransactionalResult[]) => void,
): void {
  const { groupId, producerId, producerEpoch } = body
  if (shard.shares.groups.has(groupId)) {
    respond('GROUP_ID_NOT_FOUND')
    return
  }
  const group = shard.groups.get(groupId)
  const consumers = shard.consumerGroups.get(groupId) ?? shard.streamsGroups.get(groupId)
  const topics = body.topics.map((topic) => ({ ...topic, topicId: topicIdOf(topic.name) }))
  const committer = { ...body, topics, memberEpoch: body.generationId, isTransactional: true, apiVersion: 0 }
  const error = consumers ? problemWithMember(shard, consumers, committer) : validateTransactional(group, body)
  if (error) {
    respond(error)
    return
  }
  if (!shard.hasGroup(groupId)) shard.createGroup(groupId)
  const pending: PendingOffset[] = []
  const results = topics.map((whole) => {
    const tooLarge: number[] = []
    for (const partition of whole.partitions) {
      const offset = offsetOf(shard, { retentionTimeMs: -1n }, whole, partition)
      if (offset.metadata.length > shard.config.offsetMetadataMaxBytes) tooLarge.push(partition.partitionIndex)
      else pending.push({ groupId, topic: whole.name, partition: partition.partitionIndex, offset })
    }
    return topicResult(whole, 0, tooLarge)
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

/** Why a member of a consumer or streams group may not commit one of the partitions, and so none of them. */
function problemWithMember(
  shard: GroupShard,
  group: ConsumerGroup | StreamsGroup,
  committer: Committer & Pick<OffsetCommitBody, 'topics'>,
): ErrorName | undefined {
  return orRefused<ErrorName | undefined>(
    () => {
      const nameOf = (topicId: string) => shard.topics.topicById(topicId)?.name
      const isStreams = group instanceof StreamsGroup
      const check = isStreams ? checkStreamsCommit(group, committer, nameOf) : checkCommit(group, committer)
      for (const { topicId, partitions } of committer.topics) {
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

/** A transaction may commit while its group rebalances: the members of the generation are still known by it. */
function validateTransactional(
  group: ClassicGroup | undefined,
  { generationId, memberId, groupInstanceId }: TxnOffsetCommitBody,
): ErrorName | undefined {
  if (!group) return generationId < 0 ? undefined : 'ILLEGAL_GENERATION'
  if (generationId < 0 && (group.state === 'Empty' || (memberId === '' && groupInstanceId === null))) return undefined
  return (
    group.validateMember(memberId, groupInstanceId) ??
    (generationId === group.generationId ? undefined : 'ILLEGAL_GENERATION')
  )
}

function offsetOf(
  shard: GroupShard,
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

import { type Decoded, type ErrorName, errorCode, type OffsetCommit } from '@ottla/codec'
import type { ClassicGroup } from './group.ts'
import { keepAlive } from './group-rebalance.ts'
import { type GroupRecord, groupTombstone, offsetRecord, offsetTombstone } from './group-records.ts'
import { type GroupShard, writeErrorForMember } from './group-shard.ts'
import type { CommittedOffset } from './offsets.ts'

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
  const nowMs = shard.runtime.wallNow()
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

/** Changes to a group's offsets, sent as one batch: decisions see them when the log has them, clients when the ISR has. */
class OffsetWrites {
  readonly #shard: GroupShard
  readonly #groupId: string
  readonly #records: GroupRecord[] = []
  readonly #changes: ((table: GroupShard['offsets']['latest']) => void)[] = []

  constructor(shard: GroupShard, groupId: string) {
    this.#shard = shard
    this.#groupId = groupId
  }

  put(topic: string, partition: number, offset: CommittedOffset): void {
    this.#records.push(offsetRecord(this.#groupId, topic, partition, offset))
    this.#changes.push((table) => table.put(this.#groupId, topic, partition, offset))
  }

  remove(topic: string, partition: number): void {
    this.#records.push(offsetTombstone(this.#groupId, topic, partition))
    this.#changes.push((table) => table.remove(this.#groupId, topic, partition))
  }

  removeAll(): void {
    const { latest } = this.#shard.offsets
    for (const [topic, partitions] of latest.topics(this.#groupId)) {
      for (const partition of partitions.keys()) this.remove(topic, partition)
    }
  }

  add(record: GroupRecord): void {
    this.#records.push(record)
  }

  /** Nothing to write is done at once. */
  send(done: (error: ErrorName | undefined) => void, appended?: () => void): void {
    if (this.#records.length === 0) {
      done(undefined)
      return
    }
    const { offsets, log } = this.#shard
    log.write(this.#records, {
      appended: () => {
        for (const change of this.#changes) change(offsets.latest)
        appended?.()
      },
      committed: () => {
        for (const change of this.#changes) change(offsets.committed)
      },
      done,
    })
  }
}

/** Removes offsets that no member is subscribed to; the codes are in the order of `topics`. */
export function deleteOffsets(
  shard: GroupShard,
  groupId: string,
  topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
  respond: (result: ErrorName | readonly number[]) => void,
): void {
  const group = shard.groups.get(groupId)
  if (!group) {
    respond('GROUP_ID_NOT_FOUND')
    return
  }
  if (group.state !== 'Empty' && !group.usesConsumerProtocol()) {
    respond('NON_EMPTY_GROUP')
    return
  }
  const writes = new OffsetWrites(shard, groupId)
  const codes = topics.map(({ name, partitions }) => {
    if (group.isSubscribedTo(name)) return errorCode('GROUP_SUBSCRIBED_TO_TOPIC')
    for (const partition of partitions) {
      if (shard.offsets.latest.get(groupId, name, partition)) writes.remove(name, partition)
    }
    return 0
  })
  writes.send((error) => respond(error ? writeErrorForMember(error) : codes))
}

/** Removes an empty group with all its offsets. */
export function deleteGroup(shard: GroupShard, groupId: string, respond: (error: ErrorName | undefined) => void): void {
  const group = shard.groups.get(groupId)
  if (!group) {
    respond('GROUP_ID_NOT_FOUND')
    return
  }
  if (group.state !== 'Empty') {
    respond('NON_EMPTY_GROUP')
    return
  }
  const writes = new OffsetWrites(shard, groupId)
  writes.removeAll()
  writes.add(groupTombstone(groupId))
  writes.send(
    (error) => respond(error && writeErrorForMember(error)),
    () => shard.removeGroup(group),
  )
}

/** A deleted topic takes the offsets committed for it along, in all groups. */
export function deleteTopicOffsets(shard: GroupShard, topic: string): void {
  for (const groupId of [...shard.offsets.latest.groupIds()]) {
    const writes = new OffsetWrites(shard, groupId)
    for (const partition of shard.offsets.latest.topics(groupId).get(topic)?.keys() ?? [])
      writes.remove(topic, partition)
    writes.send(() => {})
  }
}

/** KIP-211: offsets expire when their group is empty or does not read the topic for long; the group goes with its last. */
export function expireOffsets(shard: GroupShard): void {
  const nowMs = shard.runtime.wallNow()
  for (const group of [...shard.groups.values()]) {
    const writes = new OffsetWrites(shard, group.groupId)
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

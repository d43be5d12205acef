import { type ErrorName, errorCode, zeroUuid } from '@ottla/codec'
import { catchGroupError } from '../coordinators/group-error.ts'
import type { CommittedOffset } from './committed-offsets.ts'
import type { OffsetReader, OffsetShard } from './offset-shard.ts'

export interface WantedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitionIndexes: readonly number[]
}

export interface FetchedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: {
    readonly partitionIndex: number
    readonly committedOffset: bigint
    readonly committedLeaderEpoch: number
    readonly metadata: string
    readonly errorCode: number
  }[]
}

const anyReader: OffsetReader = { memberId: null, memberEpoch: -1 }

/**
 * Responds with the committed offsets of the topics, or with all of the group's when `topics` is null. With `requireStable`
 * it waits for the writes in flight first. An unknown group has no offsets, which is not an error.
 */
export function fetchOffsets(
  shard: OffsetShard,
  groupId: string,
  topics: readonly WantedTopic[] | null,
  requireStable: boolean,
  respond: (result: ErrorName | readonly FetchedTopic[]) => void,
  reader: OffsetReader = anyReader,
): void {
  const read = (): ErrorName | readonly FetchedTopic[] => {
    return catchGroupError<ErrorName | readonly FetchedTopic[]>(
      () => {
        shard.offsetKindOf(groupId)?.admitFetch(groupId, reader)
        return topics ? readTopics(shard, groupId, topics, requireStable) : readAll(shard, groupId, requireStable)
      },
      ({ error }) => error,
    )
  }
  if (!requireStable) {
    respond(read())
    return
  }
  // NOT_COORDINATOR whatever the error, because consumers before 3.9 fail on any other one.
  shard.log.write([], { done: (error) => respond(error ? 'NOT_COORDINATOR' : read()) })
}

function readTopics(
  shard: OffsetShard,
  groupId: string,
  topics: readonly WantedTopic[],
  requireStable: boolean,
): FetchedTopic[] {
  return topics.map(({ name, topicId, partitionIndexes }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map((partition) => {
      if (requireStable && shard.offsets.isPending(groupId, name, partition)) return unstable(partition)
      const offset = shard.offsets.committed.get(groupId, name, partition)
      // The offset of a deleted topic does not apply to a new topic of the same name.
      const isOther = offset?.topicId && topicId !== zeroUuid && offset.topicId !== topicId
      return fetched(partition, isOther ? undefined : offset)
    }),
  }))
}

function readAll(shard: OffsetShard, groupId: string, requireStable: boolean): FetchedTopic[] {
  return [...shard.offsets.committed.topics(groupId)].map(([name, partitions]) => ({
    name,
    topicId: zeroUuid,
    partitions: [...partitions].map(([partition, offset]) =>
      requireStable && shard.offsets.isPending(groupId, name, partition)
        ? unstable(partition)
        : fetched(partition, offset),
    ),
  }))
}

/** An open transaction may change the offset: the client has to retry. */
function unstable(partition: number): FetchedTopic['partitions'][number] {
  return { ...fetched(partition, undefined), errorCode: errorCode('UNSTABLE_OFFSET_COMMIT') }
}

function fetched(partitionIndex: number, offset: CommittedOffset | undefined): FetchedTopic['partitions'][number] {
  return {
    partitionIndex,
    committedOffset: offset?.offset ?? -1n,
    committedLeaderEpoch: offset?.leaderEpoch ?? -1,
    metadata: offset?.metadata ?? '',
    errorCode: errorCode('NONE'),
  }
}

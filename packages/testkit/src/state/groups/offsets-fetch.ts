import { type ErrorName, errorCode, zeroUuid } from '@ottla/codec'
import { checkFetch, checkStreamsFetch } from '../consumer-groups/consumer-group-offsets.ts'
import { orRefused } from './group-error.ts'
import type { GroupShard } from './group-shard.ts'
import type { CommittedOffset } from './offsets.ts'

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

/** A member of a consumer group that says who it is. */
export interface Asker {
  readonly memberId: string | null
  readonly memberEpoch: number
}

const anybody: Asker = { memberId: null, memberEpoch: -1 }

/**
 * The committed offsets of the topics, or of all that the group has when `topics` is null. With `requireStable` it first
 * waits for the writes under way. An unknown group has no offsets: that is no error.
 */
export function fetchOffsets(
  shard: GroupShard,
  groupId: string,
  topics: readonly WantedTopic[] | null,
  requireStable: boolean,
  respond: (result: ErrorName | readonly FetchedTopic[]) => void,
  asker: Asker = anybody,
): void {
  const read = (): ErrorName | readonly FetchedTopic[] => {
    const group = shard.consumerGroups.get(groupId)
    const streams = shard.streamsGroups.get(groupId)
    return orRefused<ErrorName | readonly FetchedTopic[]>(
      () => {
        if (group !== undefined) checkFetch(group, asker.memberId, asker.memberEpoch)
        if (streams !== undefined) checkStreamsFetch(streams, asker.memberId, asker.memberEpoch)
        return topics ? readTopics(shard, groupId, topics, requireStable) : readAll(shard, groupId, requireStable)
      },
      ({ error }) => error,
    )
  }
  if (!requireStable) {
    respond(read())
    return
  }
  // NOT_COORDINATOR, because consumers before 3.9 stop at other errors here.
  shard.log.write([], { done: (error) => respond(error ? 'NOT_COORDINATOR' : read()) })
}

function readTopics(
  shard: GroupShard,
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
      // An offset of a topic of the same name that was deleted since says nothing about this one.
      const isOther = offset?.topicId && topicId !== zeroUuid && offset.topicId !== topicId
      return fetched(partition, isOther ? undefined : offset)
    }),
  }))
}

function readAll(shard: GroupShard, groupId: string, requireStable: boolean): FetchedTopic[] {
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

/** A transaction that commits an offset there is open: who asked for what is stable has to ask again. */
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

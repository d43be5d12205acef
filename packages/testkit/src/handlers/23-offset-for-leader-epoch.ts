import { type ErrorName, OffsetForLeaderEpoch, zeroUuid } from '@ottla/codec'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, findReplica } from './support.ts'

interface EpochRequest {
  readonly partition: number
  readonly currentLeaderEpoch: number
  readonly leaderEpoch: number
}

const handle: Handler<typeof OffsetForLeaderEpoch> = (context, { topics }) => ({
  throttleTimeMs: 0,
  topics: topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((partition) => endOf(context, topic, partition)),
  })),
})

function endOf(context: HandlerContext, topic: string, { partition, currentLeaderEpoch, leaderEpoch }: EpochRequest) {
  const failed = (error: ErrorName) => ({ errorCode: codes.of(error), partition, leaderEpoch: -1, endOffset: -1n })
  const { error, replica } = findReplica(context, { topic, topicId: zeroUuid }, partition)
  if (replica === undefined) return failed(error)
  const epochError = replica.epochError(currentLeaderEpoch)
  if (epochError !== undefined) return failed(epochError)
  if (!replica.isLeader) return failed('NOT_LEADER_OR_FOLLOWER')
  const end = replica.log.endOfEpoch(leaderEpoch)
  return { errorCode: 0, partition, leaderEpoch: end.epoch, endOffset: BigInt(end.endOffset) }
}

export const offsetForLeaderEpochHandler = serves(OffsetForLeaderEpoch, allVersions(OffsetForLeaderEpoch), handle)

import { type Decoded, DeleteRecords, type Encodable, type ErrorName, zeroUuid } from '@ottla/codec'
import { Held } from '../state/held.ts'
import type { Replica } from '../state/replicas/replica.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, findReplica } from './support.ts'

type Request = Decoded<typeof DeleteRecords.request>
type Response = Encodable<typeof DeleteRecords.response>

interface Outcome {
  readonly partitionIndex: number
  error: ErrorName | undefined
  lowWatermark: number
  /** The response waits until all live replicas start at this offset. */
  readonly waiting?: { readonly replica: Replica; readonly offset: number } | undefined
}

type TopicOutcome = { readonly name: string; readonly partitions: readonly Outcome[] }

const upToHighWatermark = -1

const handle: Handler<typeof DeleteRecords> = (context, request) => {
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((partition) => deleteFrom(context, name, partition)),
  }))
  if (isDone(topics)) return respond(topics)
  const replicas = topics.flatMap(({ partitions }) =>
    partitions.flatMap(({ waiting }) => (waiting === undefined ? [] : [waiting.replica])),
  )
  const recheck = () => {
    if (isDone(topics)) held.complete(respond(topics))
  }
  const held = new Held<Response>(context.cluster.runtime, {
    timeoutMs: request.timeoutMs,
    onTimeout: () => respond(topics, 'REQUEST_TIMED_OUT'),
    onSettled: () => {
      for (const replica of replicas) replica.unwatch(recheck)
    },
  })
  for (const replica of replicas) replica.watch(recheck)
  return held
}

function deleteFrom(
  context: HandlerContext,
  topic: string,
  { partitionIndex, offset }: Request['topics'][number]['partitions'][number],
): Outcome {
  const failed = (error: ErrorName | undefined): Outcome => ({ partitionIndex, error, lowWatermark: -1 })
  const { error, replica, topic: image } = findReplica(context, { topic, topicId: zeroUuid }, partitionIndex)
  if (replica === undefined) return failed(error)
  if (image?.isInternal) return failed('INVALID_TOPIC_EXCEPTION')
  if (!replica.isLeader) return failed('NOT_LEADER_OR_FOLLOWER')
  if (!replica.settings.isDeletedByAge) return failed('POLICY_VIOLATION')
  const wanted = Number(offset)
  const target = wanted === upToHighWatermark ? replica.highWatermark : wanted
  if (target < 0 || target > replica.highWatermark) return failed('OFFSET_OUT_OF_RANGE')
  replica.deleteRecords(target)
  return {
    partitionIndex,
    error: undefined,
    lowWatermark: replica.lowWatermark(),
    waiting: { replica, offset: target },
  }
}

/** Updates the waiting partitions; true when none is left. */
function isDone(topics: readonly TopicOutcome[]): boolean {
  let done = true
  for (const { partitions } of topics) {
    for (const outcome of partitions) {
      const { waiting } = outcome
      if (waiting === undefined || outcome.error !== undefined) continue
      if (!waiting.replica.isLeader) outcome.error = 'NOT_LEADER_OR_FOLLOWER'
      outcome.lowWatermark = outcome.error === undefined ? waiting.replica.lowWatermark() : -1
      if (outcome.error === undefined && outcome.lowWatermark < waiting.offset) done = false
    }
  }
  return done
}

function respond(topics: readonly TopicOutcome[], pendingError?: ErrorName): Response {
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, error, lowWatermark, waiting }) => {
        const isOpen = error === undefined && waiting !== undefined && lowWatermark < waiting.offset
        const errorCode = codes.of(error ?? (isOpen ? pendingError : undefined))
        return { partitionIndex, lowWatermark: BigInt(errorCode === 0 ? lowWatermark : -1), errorCode }
      }),
    })),
  }
}

export const deleteRecordsHandler = serves(DeleteRecords, allVersions(DeleteRecords), handle)

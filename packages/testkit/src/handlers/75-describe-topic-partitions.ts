import { type Decoded, DescribeTopicPartitions, type Encodable, type ErrorName, zeroUuid } from '@ottla/codec'
import type { MetadataView, PartitionImage } from '../state/metadata-view.ts'
import { topicNameProblem } from '../state/topic-rules.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, noOperations } from './support.ts'

type Request = Decoded<typeof DescribeTopicPartitions.request>
type Response = Encodable<typeof DescribeTopicPartitions.response>
type TopicResponse = Response['topics'][number]

const maxPartitions = 2000

const handle: Handler<typeof DescribeTopicPartitions> = (context, request) => {
  const { view } = context.broker
  const { cursor } = request
  const problem = problemWith(request)
  if (problem !== undefined) return failedResponse(request, problem)
  const all =
    request.topics.length === 0 ? Array.from(view.topics(), ({ name }) => name) : request.topics.map(({ name }) => name)
  const wanted = [...new Set(all)].sort().filter((name) => cursor === null || name >= cursor.topicName)
  const names = wanted.filter((name) => context.permissions.may('DESCRIBE', 'TOPIC', name))
  const denied = request.topics.length === 0 ? [] : wanted.filter((name) => !names.includes(name))
  const topics: TopicResponse[] = []
  let left = Math.min(maxPartitions, Math.max(1, request.responsePartitionLimit))
  let nextCursor: Response['nextCursor'] = null
  for (const name of names) {
    if (left === 0) {
      nextCursor = { topicName: name, partitionIndex: 0 }
      break
    }
    const from = cursor?.topicName === name ? Math.max(0, cursor.partitionIndex) : 0
    const described = describe(context, name, from, left)
    topics.push(described.topic)
    left -= described.topic.partitions.length
    if (described.isCut) {
      nextCursor = { topicName: name, partitionIndex: from + described.topic.partitions.length }
      break
    }
  }
  return { throttleTimeMs: 0, topics: [...topics, ...denied.map(notAllowed)], nextCursor }
}

/** Errors of the whole request: a cursor for none of its topics, and an empty name, on which Kafka's authorizer throws. */
function problemWith({ topics, cursor }: Request): ErrorName | undefined {
  const isForeignCursor = cursor !== null && topics.length > 0 && !topics.some(({ name }) => name === cursor.topicName)
  if (isForeignCursor || (cursor?.partitionIndex ?? 0) < 0) return 'INVALID_REQUEST'
  return topics.some(({ name }) => name === '') ? 'UNKNOWN_SERVER_ERROR' : undefined
}

function failedResponse({ topics }: Request, error: ErrorName): Response {
  const failed = { errorCode: codes.of(error), topicId: zeroUuid, partitions: [] }
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name }) => ({ ...failed, name, topicAuthorizedOperations: noOperations })),
    nextCursor: null,
  }
}

function notAllowed(name: string): TopicResponse {
  return { errorCode: codes.of('TOPIC_AUTHORIZATION_FAILED'), name, topicId: zeroUuid, partitions: [] }
}

function describe({ broker, permissions }: HandlerContext, name: string, from: number, limit: number) {
  const topic = broker.view.topic(name)
  const topicAuthorizedOperations = permissions.operationsOn('TOPIC', name)
  if (topic === undefined) {
    const error = topicNameProblem(name) === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_TOPIC_EXCEPTION'
    return {
      topic: { errorCode: codes.of(error), name, topicId: zeroUuid, partitions: [], topicAuthorizedOperations },
      isCut: false,
    }
  }
  const page = topic.partitions.slice(from, from + limit)
  return {
    topic: {
      errorCode: 0,
      name,
      topicId: topic.id,
      isInternal: topic.isInternal,
      partitions: page.map((image) => describePartition(broker.view, image)),
      topicAuthorizedOperations,
    },
    isCut: from + page.length < topic.partitions.length,
  }
}

function describePartition(view: MetadataView, image: PartitionImage) {
  const { partition, leader, leaderEpoch, replicas, isr, elr = [], lastKnownElr = [] } = image
  const isLed = leader >= 0 && view.isAlive(leader)
  return {
    // Unlike in Metadata, a partition without a leader is no error.
    errorCode: 0,
    partitionIndex: partition,
    leaderId: isLed ? leader : -1,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: isr,
    eligibleLeaderReplicas: elr,
    lastKnownElr,
    offlineReplicas: replicas.filter((id) => !view.isAlive(id)),
  }
}

export const describeTopicPartitionsHandler = serves(
  DescribeTopicPartitions,
  allVersions(DescribeTopicPartitions),
  handle,
)

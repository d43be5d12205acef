import { type Encodable, errorCode, OffsetCommit, zeroUuid } from '@ottla/codec'
import type { Broker } from '../broker/broker.ts'
import { Held } from '../state/held.ts'
import { commitOffsets, type OffsetCommitTopic, type TopicResult } from '../state/offsets/offset-commit.ts'
import { type Handler, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

type Response = Encodable<typeof OffsetCommit.response>

const handle: Handler<typeof OffsetCommit> = (context, request) => {
  const { broker, apiVersion } = context
  const known: OffsetCommitTopic[] = []
  const results = request.topics.map((requested) => {
    const topic = apiVersion >= 10 ? withName(broker, requested) : withId(broker, requested)
    const count = broker.partitionCount(topic.name)
    const partitions = topic.partitions.filter(({ partitionIndex: p }) => p >= 0 && p < count)
    if (partitions.length > 0) known.push({ ...topic, partitions })
    return failedTopic(
      requested,
      apiVersion >= 10 && topic.name === '' ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION',
    )
  })
  if (known.length === 0) return { throttleTimeMs: 0, topics: results }
  const held = new Held<Response | typeof closeConnection>(context.cluster.runtime)
  const body = { ...request, topics: known }
  const shard = broker.services.groups.shardOf(request.groupId)
  if (typeof shard === 'string') {
    const failed = known.map((topic) => failedTopic(topic, shard))
    return { throttleTimeMs: 0, topics: merged(results, failed) }
  }
  commitOffsets(shard, body, apiVersion, (topics) =>
    held.complete({ throttleTimeMs: 0, topics: merged(results, topics) }),
  )
  return held
}

/** Before version 10 requests name topics: the id is that of the broker's metadata. */
function withId(broker: Broker, topic: OffsetCommitTopic): OffsetCommitTopic {
  return { ...topic, topicId: broker.view.topic(topic.name)?.id ?? zeroUuid }
}

function withName(broker: Broker, topic: OffsetCommitTopic): OffsetCommitTopic {
  return { ...topic, name: broker.view.topicById(topic.topicId)?.name ?? '' }
}

function failedTopic(topic: OffsetCommitTopic, error: Parameters<typeof errorCode>[0]): TopicResult {
  const partitions = topic.partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode(error) }))
  return { name: topic.name, topicId: topic.topicId, partitions }
}

/** The results of existing partitions, merged in the order of the request. */
function merged(all: readonly TopicResult[], known: readonly TopicResult[]): TopicResult[] {
  return all.map((topic) => {
    const isSame = (other: TopicResult): boolean =>
      topic.name === '' ? other.topicId === topic.topicId : other.name === topic.name
    const found = new Map(
      known.filter(isSame).flatMap(({ partitions }) => partitions.map((each) => [each.partitionIndex, each] as const)),
    )
    return { ...topic, partitions: topic.partitions.map((each) => found.get(each.partitionIndex) ?? each) }
  })
}

export const offsetCommitHandler = serves(OffsetCommit, { min: 2, max: 10 }, handle)

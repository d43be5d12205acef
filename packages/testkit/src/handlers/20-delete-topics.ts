import { DeleteTopics, type Encodable, type ErrorName, zeroUuid } from '@ottla/codec'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

type TopicResponse = Encodable<typeof DeleteTopics.response>['responses'][number]

const firstVersionOfIds = 6

const handle: Handler<typeof DeleteTopics> = (context, request) => {
  const wanted =
    context.apiVersion >= firstVersionOfIds
      ? request.topics
      : request.topicNames.map((name) => ({ name, topicId: zeroUuid }))
  return {
    throttleTimeMs: 0,
    responses: wanted.map((topic, index) => {
      const isRepeated = wanted.some(
        (other, at) => at !== index && other.name === topic.name && other.topicId === topic.topicId,
      )
      return isRepeated ? refused(topic, 'INVALID_REQUEST', 'Duplicate topic.') : remove(context, topic)
    }),
  }
}

function remove(
  { cluster, apiVersion }: HandlerContext,
  topic: { name: string | null; topicId: string },
): TopicResponse {
  const { controller, config } = cluster
  const { name, topicId } = topic
  if (!config.boolean('delete.topic.enable')) {
    return refused(topic, apiVersion < 3 ? 'INVALID_REQUEST' : 'TOPIC_DELETION_DISABLED', 'Topic deletion is disabled.')
  }
  const byId = topicId !== zeroUuid
  if (byId === (name !== null))
    return refused(topic, 'INVALID_REQUEST', 'Either the name or the id of a topic is needed.')
  const found = byId ? controller.state.topicById(topicId) : controller.state.topic(name ?? '')
  if (found === undefined) {
    return refused(
      topic,
      byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION',
      byId ? 'This server does not host this topic ID.' : 'This server does not host this topic-partition.',
    )
  }
  controller.deleteTopic(found)
  return { name: found.name, topicId: found.id, errorCode: 0 }
}

function refused(
  { name, topicId }: { name: string | null; topicId: string },
  error: ErrorName,
  errorMessage: string,
): TopicResponse {
  return { name: name as string, topicId, errorCode: codes.of(error), errorMessage }
}

export const deleteTopicsHandler = serves(DeleteTopics, allVersions(DeleteTopics), handle)

import { DeleteTopics, type Encodable, type ErrorName, zeroUuid } from '@ottla/codec'
import { type MutationQuota, quotaExceeded } from '../controllers/mutation-quotas.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, oncePerName } from './support.ts'

type TopicResponse = Encodable<typeof DeleteTopics.response>['responses'][number]

const firstVersionOfIds = 6

const handle: Handler<typeof DeleteTopics> = (context, request) => {
  const wanted =
    context.apiVersion >= firstVersionOfIds
      ? request.topics
      : request.topicNames.map((name) => ({ name, topicId: zeroUuid }))
  const quota = context.cluster.mutationQuotas.begin(context, 5)
  const responses = oncePerName(wanted, ({ name, topicId }) => name ?? topicId).map(({ item, isRepeated }) =>
    isRepeated ? refused(item, 'INVALID_REQUEST', 'Duplicate topic name.') : remove(context, item, quota),
  )
  return { throttleTimeMs: quota.settle(), responses }
}

function remove(
  { cluster, apiVersion, permissions }: HandlerContext,
  topic: { name: string | null; topicId: string },
  quota: MutationQuota,
): TopicResponse {
  const { controller, config } = cluster
  const { name, topicId } = topic
  if (!config.boolean('delete.topic.enable')) {
    return refused(topic, apiVersion < 3 ? 'INVALID_REQUEST' : 'TOPIC_DELETION_DISABLED', 'Topic deletion is disabled.')
  }
  const byId = topicId !== zeroUuid
  if (byId && name !== null)
    return refused(topic, 'INVALID_REQUEST', 'You may not specify both topic name and topic id.')
  if (!byId && name === null) return refused(topic, 'INVALID_REQUEST', 'Neither topic name nor id were specified.')
  const isOpen = permissions.mayOnCluster('DELETE')
  const mayDescribe = (named: string) => isOpen || permissions.may('DESCRIBE', 'TOPIC', named)
  const notAllowed = 'Topic authorization failed.'
  if (!byId && !mayDescribe(name ?? '')) return refused(topic, 'TOPIC_AUTHORIZATION_FAILED', notAllowed)
  const found = byId ? controller.state.topicById(topicId) : controller.state.topic(name ?? '')
  if (found === undefined) {
    return refused(
      topic,
      byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION',
      byId ? 'This server does not host this topic ID.' : 'This server does not host this topic-partition.',
    )
  }
  if (!isOpen && !permissions.may('DELETE', 'TOPIC', found.name)) {
    const told = byId && mayDescribe(found.name) ? { name: found.name, topicId } : topic
    return refused(told, 'TOPIC_AUTHORIZATION_FAILED', notAllowed)
  }
  if (!quota.take(found.partitions.length)) return refused(topic, quotaExceeded.error, quotaExceeded.message)
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

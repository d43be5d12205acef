import { DeleteTopics, type Encodable, type ErrorName, zeroUuid } from '@ottla/codec'
import { type MutationQuota, quotaExceeded } from '../controllers/mutation-quotas.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, mutationQuota, oncePerName } from './support.ts'

type TopicResponse = Encodable<typeof DeleteTopics.response>['responses'][number]

const firstVersionOfIds = 6

const handle: Handler<typeof DeleteTopics> = (context, request) => {
  const wanted =
    context.apiVersion >= firstVersionOfIds
      ? request.topics
      : request.topicNames.map((name) => ({ name, topicId: zeroUuid }))
  const quota = mutationQuota(context, 5)
  const byId = new Set(wanted.filter(({ name }) => name === null).map(({ topicId }) => topicId))
  const named = oncePerName(wanted, ({ name, topicId }) => name ?? topicId)
  const twice = new Set<string>()
  // Without DESCRIBE the client must not receive the topic's id.
  const idOf = (name: string | null) =>
    name !== null && context.permissions.may('DESCRIBE', 'TOPIC', name)
      ? context.cluster.controller.state.topic(name)?.id
      : undefined
  for (const { item } of named) {
    const topicId = idOf(item.name)
    if (topicId !== undefined && byId.has(topicId)) twice.add(topicId)
  }
  const responses = named.flatMap(({ item, isRepeated }): TopicResponse[] => {
    if (isRepeated) {
      return [failed(item, 'INVALID_REQUEST', `Duplicate topic ${item.name === null ? 'id' : 'name'}.`)]
    }
    const topicId = idOf(item.name)
    if (item.name === null && twice.has(item.topicId)) return []
    if (topicId === undefined || !twice.has(topicId)) return [remove(context, item, quota)]
    const message = 'The provided topic name maps to an ID that was already supplied.'
    return [failed({ ...item, topicId }, 'INVALID_REQUEST', message)]
  })
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
    return failed(topic, apiVersion < 3 ? 'INVALID_REQUEST' : 'TOPIC_DELETION_DISABLED', 'Topic deletion is disabled.')
  }
  const byId = topicId !== zeroUuid
  if (byId && name !== null)
    return failed(topic, 'INVALID_REQUEST', 'You may not specify both topic name and topic id.')
  if (!byId && name === null) return failed(topic, 'INVALID_REQUEST', 'Neither topic name nor id were specified.')
  const mayDeleteAny = permissions.mayOnCluster('DELETE')
  const mayDescribe = (named: string) => mayDeleteAny || permissions.may('DESCRIBE', 'TOPIC', named)
  const notAllowed = 'Topic authorization failed.'
  if (!byId && !mayDescribe(name ?? '')) return failed(topic, 'TOPIC_AUTHORIZATION_FAILED', notAllowed)
  const found = byId ? controller.state.topicById(topicId) : controller.state.topic(name ?? '')
  if (found === undefined) {
    return failed(
      topic,
      byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION',
      byId ? 'This server does not host this topic ID.' : 'This server does not host this topic-partition.',
    )
  }
  if (!mayDeleteAny && !permissions.may('DELETE', 'TOPIC', found.name)) {
    const visible = byId && mayDescribe(found.name) ? { name: found.name, topicId } : topic
    return failed(visible, 'TOPIC_AUTHORIZATION_FAILED', notAllowed)
  }
  if (!quota.take(found.partitions.length)) {
    return failed({ ...topic, topicId: found.id }, quotaExceeded.error, quotaExceeded.message)
  }
  controller.deleteTopic(found)
  return { name: found.name, topicId: found.id, errorCode: 0 }
}

function failed(
  { name, topicId }: { name: string | null; topicId: string },
  error: ErrorName,
  errorMessage: string | null,
): TopicResponse {
  return { name: name as string, topicId, errorCode: codes.of(error), errorMessage }
}

export const deleteTopicsHandler = serves(DeleteTopics, allVersions(DeleteTopics), handle)

import { type Decoded, type Encodable, type ErrorName, errorCode, OffsetFetch, zeroUuid } from '@ottla/codec'
import type { Broker } from '../broker/broker.ts'
import { Held } from '../state/held.ts'
import { type FetchedTopic, fetchOffsets, type WantedTopic } from '../state/offsets/offset-fetch.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import type { closeConnection } from './reply.ts'

type Response = Encodable<typeof OffsetFetch.response>
type GroupResponse = NonNullable<Response['groups']>[number]
type GroupRequest = Decoded<typeof OffsetFetch.request>['groups'][number]

const handle: Handler<typeof OffsetFetch> = (context, request) => {
  const { apiVersion } = context
  const requested =
    apiVersion >= 8 ? request.groups : [{ ...request, memberId: null, memberEpoch: -1, topics: topicsByName(request) }]
  const responses = new Map<number, GroupResponse>()
  const held = new Held<Response | typeof closeConnection>(context.cluster.runtime)
  const complete = (index: number, response: GroupResponse): void => {
    responses.set(index, response)
    if (responses.size < requested.length) return
    const groups = requested.map((group, i) => responses.get(i) ?? { groupId: group.groupId, topics: [] })
    held.complete(apiVersion >= 8 ? { throttleTimeMs: 0, groups } : single(groups[0], request.topics, apiVersion))
  }
  if (requested.length === 0) return { throttleTimeMs: 0, groups: [] }
  requested.forEach((group, index) => {
    fetchGroup(context, group, request.requireStable, (response) => complete(index, response))
  })
  return held
}

function topicsByName(request: Decoded<typeof OffsetFetch.request>): GroupRequest['topics'] {
  return request.topics?.map((topic) => ({ ...topic, topicId: zeroUuid })) ?? null
}

/** Before version 8 there is one group; before version 2 its error is repeated at each partition. */
function single(
  group: GroupResponse | undefined,
  requested: Decoded<typeof OffsetFetch.request>['topics'],
  apiVersion: number,
): Response {
  const code = group?.errorCode ?? 0
  if (code === 0)
    return { throttleTimeMs: 0, topics: (group?.topics ?? []).map((topic) => ({ ...topic, name: topic.name ?? '' })) }
  if (apiVersion >= 2) return { throttleTimeMs: 0, topics: [], errorCode: code }
  const topics = (requested ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1n,
      committedLeaderEpoch: -1,
      metadata: '',
      errorCode: code,
    })),
  }))
  return { throttleTimeMs: 0, topics }
}

function fetchGroup(
  context: HandlerContext,
  group: GroupRequest,
  requireStable: boolean,
  respond: (response: GroupResponse) => void,
): void {
  const { broker, apiVersion, permissions } = context
  const { groupId } = group
  if (!permissions.may('DESCRIBE', 'GROUP', groupId)) {
    respond({ groupId, topics: [], errorCode: errorCode('GROUP_AUTHORIZATION_FAILED') })
    return
  }
  const isVisible = (name: string) => permissions.may('DESCRIBE', 'TOPIC', name)
  const shard = broker.services.groups.shardOf(groupId)
  if (typeof shard === 'string') {
    respond({ groupId, topics: [], errorCode: errorCode(shard) })
    return
  }
  const wanted = group.topics?.map((topic) => resolved(broker, topic, apiVersion)) ?? null
  // Unknown and denied topics fail here, in their place in the response.
  const isNamed = ({ name }: WantedTopic): boolean => apiVersion < 10 || name !== ''
  const problemOf = (topic: WantedTopic): ErrorName | undefined => {
    if (!isNamed(topic)) return 'UNKNOWN_TOPIC_ID'
    return isVisible(topic.name) ? undefined : 'TOPIC_AUTHORIZATION_FAILED'
  }
  const known = wanted?.filter((topic) => problemOf(topic) === undefined) ?? null
  const respondWith = (result: ErrorName | readonly FetchedTopic[]) => {
    if (typeof result === 'string') {
      respond({ groupId, topics: [], errorCode: errorCode(result) })
      return
    }
    const visible = wanted ? [] : result.filter(({ name }) => isVisible(name))
    const topics = wanted ? inPlace(wanted, result, problemOf) : withIds(broker, visible, apiVersion)
    respond({ groupId, topics, errorCode: 0 })
  }
  fetchOffsets(shard, groupId, known, requireStable, respondWith, group)
}

function resolved(broker: Broker, topic: WantedTopic, apiVersion: number): WantedTopic {
  return apiVersion >= 10
    ? { ...topic, name: broker.view.topicById(topic.topicId)?.name ?? '' }
    : { ...topic, topicId: broker.view.topic(topic.name)?.id ?? zeroUuid }
}

function inPlace(
  wanted: readonly WantedTopic[],
  fetched: readonly FetchedTopic[],
  problemOf: (topic: WantedTopic) => ErrorName | undefined,
): FetchedTopic[] {
  const rest = [...fetched]
  return wanted.map((topic) => {
    const problem = problemOf(topic)
    if (problem !== undefined) return failedTopic(topic, problem)
    return rest.shift() ?? failedTopic(topic, 'UNKNOWN_TOPIC_ID')
  })
}

function failedTopic({ name, topicId, partitionIndexes }: WantedTopic, error: ErrorName): FetchedTopic {
  const partitions = partitionIndexes.map((partitionIndex) => ({
    partitionIndex,
    committedOffset: -1n,
    committedLeaderEpoch: -1,
    metadata: '',
    errorCode: errorCode(error),
  }))
  return { name, topicId, partitions }
}

/** From version 10 on a deleted topic is left out, since it has no id. */
function withIds(broker: Broker, topics: readonly FetchedTopic[], apiVersion: number): FetchedTopic[] {
  return topics.flatMap((topic) => {
    const topicId = broker.view.topic(topic.name)?.id
    return topicId === undefined && apiVersion >= 10 ? [] : [{ ...topic, topicId: topicId ?? zeroUuid }]
  })
}

export const offsetFetchHandler = serves(OffsetFetch, { min: 1, max: 10 }, handle)

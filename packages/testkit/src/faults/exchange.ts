import type { Api } from '@ottla/codec'
import type { HandlerContext } from '../handlers/handler.ts'
import type { Reply } from '../handlers/reply.ts'
import type { Struct } from '../messages/blank.ts'
import { pick } from '../messages/entities.ts'
import { placeOf, placesOf } from '../messages/places.ts'
import type { RequestMatch } from './rule.ts'

/** A request while a broker handles it. */
export interface Exchange {
  readonly context: HandlerContext
  readonly api: Api
  readonly correlationId: number
  readonly request: Struct
  /** Of the request's frame. */
  readonly byteLength: number
  /** The handler. */
  readonly work: (request: Struct) => Reply<unknown>
}

const transactionKey = 1

export function nameOfTopic({ context: { broker, cluster } }: Exchange, topicId: string): string | undefined {
  return broker.view.topicById(topicId)?.name ?? cluster.controller.state.topicById(topicId)?.name
}

/** The request with everything it is for: a Fetch in a session is for all partitions of the session. */
export function completeRequest({ api, context: { broker }, request }: Exchange): Struct {
  if (api.name !== 'Fetch' || !(Number(request.sessionEpoch) > 0)) return request
  const known = broker.fetchSessions.partitionsOf(Number(request.sessionId))
  if (known.length === 0) return request
  const named = request.topics as { topic: string; topicId: string; partitions: { partition: number }[] }[]
  const isNamed = (topicId: string, topic: string, partition: number) =>
    named.some((t) => t.topicId === topicId && t.topic === topic && t.partitions.some((p) => p.partition === partition))
  const others = known.filter(({ topicId, topic, partition }) => !isNamed(topicId, topic, partition))
  const added = others.map(({ topic, topicId, partition }) => ({ topic, topicId, partitions: [{ partition }] }))
  return { ...request, topics: mergeTopics([...named, ...added]) }
}

interface NamedTopic {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly { readonly partition: number }[]
}

function mergeTopics(topics: readonly NamedTopic[]): NamedTopic[] {
  const merged: NamedTopic[] = []
  for (const topic of topics) {
    const index = merged.findIndex((one) => one.topic === topic.topic && one.topicId === topic.topicId)
    const known = merged[index]
    if (known === undefined) merged.push(topic)
    else merged[index] = { ...known, partitions: [...known.partitions, ...topic.partitions] }
  }
  return merged
}

/** Whether a request matches. */
export function fits(match: RequestMatch, exchange: Exchange): boolean {
  const { api, context } = exchange
  if (match.api !== undefined && match.api !== api.name) return false
  if (match.version !== undefined && match.version !== context.apiVersion) return false
  if (match.node !== undefined && match.node !== context.broker.id) return false
  if (match.client !== undefined && match.client !== context.clientId) return false
  const { topic, partition, group, transactionalId } = match
  if (topic === undefined && partition === undefined && group === undefined && transactionalId === undefined)
    return true
  return fitsEntities(match, exchange)
}

function fitsEntities(match: RequestMatch, exchange: Exchange): boolean {
  const { api, request, context } = exchange
  const { owner } = placesOf(api.name)
  const at = placeOf(api.name, context.apiVersion).entities
  if (api.name === 'FindCoordinator') return fitsCoordinator(match, request)
  const id = request.transactionalId ?? request.v3AndBelowTransactionalId
  if (match.transactionalId !== undefined && id !== match.transactionalId) return false
  if (match.group !== undefined && at?.kind !== 'group') {
    if (owner !== 'group' || request.groupId !== match.group) return false
  }
  const isForTopic = match.topic !== undefined || match.partition !== undefined
  if (!isForTopic && at?.kind !== 'group') return true
  if (at === undefined) return false
  if (isForTopic && at.kind === 'group') return false
  // A request for all topics matches each topic.
  if (request[at.request] === null) return match.partition === undefined
  return pick(at, completeRequest(exchange), match, (id) => nameOfTopic(exchange, id)).length > 0
}

function fitsCoordinator(match: RequestMatch, request: Struct): boolean {
  if (match.topic !== undefined || match.partition !== undefined) return false
  const isTransaction = request.keyType === transactionKey
  const wanted = isTransaction ? match.transactionalId : match.group
  if (wanted === undefined) return match.group === undefined && match.transactionalId === undefined
  return request.key === wanted || (Array.isArray(request.coordinatorKeys) && request.coordinatorKeys.includes(wanted))
}

import type { Api } from '@ottla/codec'
import type { Broker } from '../broker.ts'
import type { Connection } from '../connection.ts'
import type { Reply } from '../handlers/handler.ts'
import type { Struct } from './blank.ts'
import { placeOf, placesOf } from './places.ts'
import { pick } from './response-errors.ts'
import type { RequestMatch } from './rule.ts'

/** One request on its way through a broker. */
export interface Exchange {
  readonly broker: Broker
  readonly connection: Connection
  readonly api: Api
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly request: Struct
  /** Of the request's frame. */
  readonly byteLength: number
  /** What the handler does. */
  readonly work: (request: Struct) => Reply<unknown>
}

const transactionKey = 1

export function nameOfTopic({ broker }: Exchange, topicId: string): string | undefined {
  return broker.view.topicById(topicId)?.name ?? broker.cluster.controller.state.topicById(topicId)?.name
}

/** The request as it is meant: a Fetch in a session is about all partitions of the session. */
export function meantRequest({ api, broker, request }: Exchange): Struct {
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

/** Whether a request is one of those that are meant. */
export function fits(match: RequestMatch, exchange: Exchange): boolean {
  const { api, version, broker, clientId } = exchange
  if (match.api !== undefined && match.api !== api.name) return false
  if (match.version !== undefined && match.version !== version) return false
  if (match.node !== undefined && match.node !== broker.id) return false
  if (match.client !== undefined && match.client !== clientId) return false
  const { topic, partition, group, transactionalId } = match
  if (topic === undefined && partition === undefined && group === undefined && transactionalId === undefined)
    return true
  return fitsEntities(match, exchange)
}

function fitsEntities(match: RequestMatch, exchange: Exchange): boolean {
  const { api, version } = exchange
  const { request } = exchange
  const { owner } = placesOf(api.name)
  const at = placeOf(api.name, version).entities
  if (api.name === 'FindCoordinator') return fitsCoordinator(match, request)
  const id = request.transactionalId ?? request.v3AndBelowTransactionalId
  if (match.transactionalId !== undefined && id !== match.transactionalId) return false
  if (match.group !== undefined && at?.kind !== 'group') {
    if (owner !== 'group' || request.groupId !== match.group) return false
  }
  const isAboutTopics = match.topic !== undefined || match.partition !== undefined
  if (!isAboutTopics && at?.kind !== 'group') return true
  if (at === undefined) return false
  if (isAboutTopics && at.kind === 'group') return false
  // A request for everything is about each topic.
  if (request[at.request] === null) return match.partition === undefined
  return pick(at, meantRequest(exchange), match, (id) => nameOfTopic(exchange, id)).length > 0
}

function fitsCoordinator(match: RequestMatch, request: Struct): boolean {
  if (match.topic !== undefined || match.partition !== undefined) return false
  const isTransaction = request.keyType === transactionKey
  const wanted = isTransaction ? match.transactionalId : match.group
  if (wanted === undefined) return match.group === undefined && match.transactionalId === undefined
  return request.key === wanted || (Array.isArray(request.coordinatorKeys) && request.coordinatorKeys.includes(wanted))
}

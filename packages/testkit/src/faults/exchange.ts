import type { Api } from '@ottla/codec'
import type { HandlerContext } from '../handlers/handler.ts'
import type { Reply } from '../handlers/reply.ts'
import type { Struct } from '../messages/blank.ts'
import { areInResponse, pick } from '../messages/entities.ts'
import type { EntityPlace } from '../messages/error-place.ts'
import { placeFor } from '../messages/places.ts'
import type { RequestMatch } from './rule.ts'
import { withSessionPartitions } from './session-partitions.ts'

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

/** Of a topic that exists, or existed. */
export function nameOfTopic({ context: { broker, cluster } }: Exchange, topicId: string): string | undefined {
  return broker.view.topicById(topicId)?.name ?? cluster.controller.nameOfTopic(topicId)
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
  if (api.name === 'FindCoordinator') return fitsCoordinator(match, request)
  const place = placeFor(api.name, context.apiVersion, match)
  if (place === undefined) return false
  const at = place.entities
  const isListed = (kind: 'group' | 'transaction') => at?.kind === kind || at?.within?.kind === kind
  const id = request.transactionalId ?? request.v3AndBelowTransactionalId
  if (match.transactionalId !== undefined && !isListed('transaction') && id !== match.transactionalId) return false
  if (match.group !== undefined && !isListed('group') && request.groupId !== match.group) return false
  const isForTopic = match.topic !== undefined || match.partition !== undefined
  if (at === undefined || !(isForTopic || isListed('group') || isListed('transaction'))) return true
  return areInResponse(at, request, match) ? fitsInResponse(at, match, exchange) : fitsRequest(at, match, exchange)
}

/** A request for all topics matches each topic; of a topic whose partitions only the response lists, each partition. */
function fitsInResponse(at: EntityPlace, match: RequestMatch, exchange: Exchange): boolean {
  const { partitions, ...topics } = at
  if (at.request === undefined || exchange.request[at.request] === null || at.within !== undefined) return true
  return fitsRequest(partitions === undefined ? at : topics, match, exchange)
}

function fitsRequest(at: EntityPlace, match: RequestMatch, exchange: Exchange): boolean {
  return pick(at, withSessionPartitions(exchange), match, (id) => nameOfTopic(exchange, id)).length > 0
}

function fitsCoordinator(match: RequestMatch, request: Struct): boolean {
  if (match.topic !== undefined || match.partition !== undefined) return false
  const isTransaction = request.keyType === transactionKey
  const wanted = isTransaction ? match.transactionalId : match.group
  if (wanted === undefined) return match.group === undefined && match.transactionalId === undefined
  return request.key === wanted || (Array.isArray(request.coordinatorKeys) && request.coordinatorKeys.includes(wanted))
}

import { type Api, errorCode } from '@ottla/codec'
import type { Connection } from '../connection.ts'
import { blank, type Struct } from '../faults/blank.ts'
import { thenReply } from '../faults/effects.ts'
import { type EntityPlace, placeOf } from '../faults/places.ts'
import { type Picked, pick, withErrors, without } from '../faults/response-errors.ts'
import { closeConnection, type HandlerContext, type HandlerEntry, noResponse, type Reply } from '../handlers/handler.ts'
import { noAcls } from '../state/rights/acl-image.ts'
import { allPermissions, type Permissions, permissionsOf } from './permissions.ts'
import type { Asked, Denial, ErrorFields, Rule } from './rule.ts'
import { ruleOf } from './rules.ts'

type Work = (request: Struct) => Reply<unknown>

interface DeniedEntity {
  readonly picked: Picked
  readonly denial: Denial
}

/** What the client of a connection may do with one API. */
export function permissionsFor({ broker, auth, remoteAddress }: Connection, api: Api): Permissions {
  const { authorizer, controller } = broker.cluster
  if (authorizer === undefined) return allPermissions
  const knows = ruleOf(api.name)?.byController ? controller.state : broker.view
  const subject = { principal: auth.principal ?? 'User:ANONYMOUS', host: remoteAddress }
  return permissionsOf({ authorizer, acls: () => knows.acls ?? noAcls, subject })
}

/** The handler of a request, behind the rights that it needs. */
export function handleWithRights(entry: HandlerEntry, context: HandlerContext, request: Struct): Reply<unknown> {
  const { api } = entry
  const rule = context.permissions.areChecked ? ruleOf(api.name) : undefined
  if (rule === undefined) return entry.handle(context, request as never)
  return guarded(rule, api, { context, request, work: (allowed) => entry.handle(context, allowed as never) })
}

interface Guarded {
  readonly context: HandlerContext
  readonly request: Struct
  readonly work: Work
}

function guarded(rule: Rule, api: Api, { context, request, work }: Guarded): Reply<unknown> {
  const asked = askedOf(context, request)
  for (const need of rule.whole ?? []) {
    const denial = need(asked)
    if (denial !== undefined) return failed(rule, api, asked, denial)
  }
  const place = rule.place ?? placeOf(api.name, context.apiVersion).entities
  const without = place === undefined ? [] : deniedEntities(rule, place, asked)
  const { runtime } = context.cluster
  const reply = place === undefined || without.length === 0 ? work(request) : rest(api, place, asked, without, work)
  const served =
    without.length === 0
      ? reply
      : thenReply(runtime, reply, (response) => withDenials(api, { place, asked, response, denied: without }))
  const { rewrite: show } = rule
  if (show === undefined) return served
  return thenReply(runtime, served, (response) => (isSymbol(response) ? response : show(asked, response as Struct)))
}

function askedOf({ broker, cluster, connection, permissions, principal, apiVersion }: HandlerContext, request: Struct) {
  const asked: Asked = {
    permissions,
    request,
    version: apiVersion,
    principal,
    words: wordsOf(connection),
    nameOfTopic: (topicId) => broker.view.topicById(topicId)?.name ?? cluster.controller.state.topicById(topicId)?.name,
    idOfTopic: (name) => broker.view.topic(name)?.id,
    partitionCount: (name) => broker.partitionCount(name),
  }
  return asked
}

/** As Java's toString has it, without what only Java has. */
function wordsOf({ id, broker, remoteAddress, auth, door }: Connection): string {
  const listener = door.listener
  const connection = `${broker.id}-${remoteAddress}-0-${id}`
  return (
    `Request(processor=0, connectionId=${connection}, session=Session(${auth.principal},/${remoteAddress}), ` +
    `listenerName=ListenerName(${listener}), securityProtocol=${listener}, buffer=null, envelope=None)`
  )
}

/** The answer to a request for which a right is missing as a whole. */
function failed(rule: Rule, api: Api, asked: Asked, denial: Denial): Reply<unknown> {
  // acks=0: the only thing that can be said is to hang up.
  if (asked.request.acks === 0) return closeConnection
  const { version, request } = asked
  const response = blank(api.response.fields, version)
  const error = errorFields(denial)
  if (rule.fail !== undefined) return { ...response, ...rule.fail(asked, error, carried(error, response)) }
  if ('errorCode' in response) return { ...response, ...carried(error, response) }
  const place = rule.place ?? placeOf(api.name, version).entities
  if (place === undefined) return response
  const all = pick(place, request, {}, asked.nameOfTopic).map((picked) => ({ picked, denial }))
  return withDenials(api, { place, asked, response, denied: all })
}

function errorFields({ error, message }: Denial): ErrorFields {
  return { errorCode: errorCode(error), errorMessage: message ?? null }
}

/** What of it the version can say at the top of the answer. */
function carried({ errorCode, errorMessage }: ErrorFields, response: Struct): Struct {
  return {
    ...('errorCode' in response && { errorCode }),
    ...(errorMessage !== null && 'errorMessage' in response && { errorMessage }),
  }
}

function deniedEntities({ each }: Rule, place: EntityPlace, asked: Asked): DeniedEntity[] {
  if (each === undefined) return []
  const entities = pick(place, asked.request, {}, asked.nameOfTopic)
  return entities.flatMap((picked) => {
    const { identity, name } = picked
    const { topicId } = identity
    const isById = typeof topicId === 'string' && name === topicId
    // An id that no topic has is no secret; what is named twice is refused as such.
    if (isById || (picked.partitions === undefined && isRepeated(entities, picked))) return []
    const denial = each(asked, { name, fields: identity })
    return denial === undefined ? [] : [{ picked, denial }]
  })
}

function isRepeated(all: readonly Picked[], { name, identity }: Picked): boolean {
  const isSame = (other: Picked) => other.name === name && other.identity.resourceType === identity.resourceType
  return all.filter(isSame).length > 1
}

/** The request without what was denied. */
function rest(api: Api, place: EntityPlace, asked: Asked, gone: readonly DeniedEntity[], work: Work): Reply<unknown> {
  const left = without(
    place,
    asked.request,
    gone.map(({ picked }) => picked),
    asked.nameOfTopic,
  )
  if (left !== undefined) return work(left)
  return asked.request.acks === 0 ? noResponse : blank(api.response.fields, asked.version)
}

interface Denials {
  readonly place: EntityPlace | undefined
  readonly asked: Asked
  readonly response: unknown
  readonly denied: readonly DeniedEntity[]
}

function withDenials(api: Api, { place, asked, response, denied }: Denials): unknown {
  if (isSymbol(response)) return response === noResponse ? closeConnection : response
  let told = response as Struct
  for (const { picked, denial } of denied) {
    const { error, message } = denial
    const options = { picked: [picked], errorCode: errorCode(error), nameOfTopic: asked.nameOfTopic }
    told = withErrors(api, asked.version, told, {
      ...options,
      ...(place && { place }),
      ...(message !== undefined && { errorMessage: message }),
    })
  }
  return told
}

function isSymbol(response: unknown): response is typeof noResponse | typeof closeConnection {
  return response === noResponse || response === closeConnection
}

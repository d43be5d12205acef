import { type Api, errorCode } from '@ottla/codec'
import type { HandlerContext, HandlerEntry } from '../handlers/handler.ts'
import { closeConnection, isWithoutResponse, noResponse, type Reply, thenReply } from '../handlers/reply.ts'
import { blank, type Struct } from '../messages/blank.ts'
import { type Picked, pick, withErrors, without } from '../messages/entities.ts'
import type { EntityPlace } from '../messages/error-place.ts'
import { placeOf } from '../messages/places.ts'
import { noAcls } from '../state/rights/acl-image.ts'
import { allPermissions, type Permissions, permissionsOf } from '../state/rights/permissions.ts'
import type { CheckedRequest, Denial, ErrorFields, Rule } from './rule.ts'
import { ruleOf } from './rules.ts'

type Work = (request: Struct) => Reply<unknown>

interface DeniedEntity {
  readonly picked: Picked
  readonly denial: Denial
}

/** The rights of a connection's client for one API. */
export function permissionsFor(
  { broker, cluster, connection }: Pick<HandlerContext, 'broker' | 'cluster' | 'connection'>,
  api: Api,
): Permissions {
  const { authorizer, controller } = cluster
  if (authorizer === undefined) return allPermissions
  const view = ruleOf(api.name)?.byController ? controller.state : broker.view
  const { auth, remoteAddress } = connection
  const subject = { principal: auth.principal ?? 'User:ANONYMOUS', host: remoteAddress }
  return permissionsOf({ authorizer, acls: () => view.acls ?? noAcls, subject })
}

/** Calls the handler with the part of the request that the client has the rights for; the rest fails. */
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
  const checked = checkedRequest(context, request)
  for (const need of rule.whole ?? []) {
    const denial = need(checked)
    if (denial !== undefined) return failed(rule, api, checked, denial)
  }
  const place = rule.place ?? placeOf(api.name, context.apiVersion).entities
  const denied = place === undefined ? [] : deniedEntities(rule, place, checked)
  const { runtime } = context.cluster
  const reply =
    place === undefined || denied.length === 0 ? work(request) : workOnRest(api, place, checked, denied, work)
  const served =
    denied.length === 0
      ? reply
      : thenReply(runtime, reply, (response) => withDenials(api, { place, checked, response, denied }))
  const { rewrite } = rule
  if (rewrite === undefined) return served
  return thenReply(runtime, served, (response) =>
    isWithoutResponse(response) ? response : rewrite(checked, response as Struct),
  )
}

function checkedRequest(context: HandlerContext, request: Struct): CheckedRequest {
  const { broker, cluster, permissions, principal, apiVersion } = context
  return {
    permissions,
    request,
    version: apiVersion,
    principal,
    description: describeRequest(context),
    nameOfTopic: (topicId) => broker.view.topicById(topicId)?.name ?? cluster.controller.state.topicById(topicId)?.name,
    idOfTopic: (name) => broker.view.topic(name)?.id,
    partitionCount: (name) => broker.partitionCount(name),
  }
}

/** The request as Java's toString prints it, without what exists only in Java. */
function describeRequest({ broker, connection }: HandlerContext): string {
  const { id, remoteAddress, auth, origin } = connection
  const { listener } = origin
  const connectionId = `${broker.id}-${remoteAddress}-0-${id}`
  return (
    `Request(processor=0, connectionId=${connectionId}, session=Session(${auth.principal},/${remoteAddress}), ` +
    `listenerName=ListenerName(${listener}), securityProtocol=${listener}, buffer=null, envelope=None)`
  )
}

/** The response to a request that is denied as a whole. */
function failed(rule: Rule, api: Api, checked: CheckedRequest, denial: Denial): Reply<unknown> {
  // With acks=0 closing the connection is the only way to report an error.
  if (checked.request.acks === 0) return closeConnection
  const { version, request } = checked
  const response = blank(api.response.fields, version)
  const error = errorFields(denial)
  if (rule.fail !== undefined) return { ...response, ...rule.fail(checked, error, topLevel(error, response)) }
  if ('errorCode' in response) return { ...response, ...topLevel(error, response) }
  const place = rule.place ?? placeOf(api.name, version).entities
  if (place === undefined) return response
  const all = pick(place, request, {}, checked.nameOfTopic).map((picked) => ({ picked, denial }))
  return withDenials(api, { place, checked, response, denied: all })
}

function errorFields({ error, message }: Denial): ErrorFields {
  return { errorCode: errorCode(error), errorMessage: message ?? null }
}

/** The fields of the error that the version has at the top level of the response. */
function topLevel({ errorCode, errorMessage }: ErrorFields, response: Struct): Struct {
  return {
    ...('errorCode' in response && { errorCode }),
    ...(errorMessage !== null && 'errorMessage' in response && { errorMessage }),
  }
}

function deniedEntities({ each }: Rule, place: EntityPlace, checked: CheckedRequest): DeniedEntity[] {
  if (each === undefined) return []
  const entities = pick(place, checked.request, {}, checked.nameOfTopic)
  return entities.flatMap((picked) => {
    const { identity, name } = picked
    const { topicId } = identity
    const isUnknownId = typeof topicId === 'string' && name === topicId
    // The handler reports unknown ids and repeated names, without a check of rights.
    if (isUnknownId || (picked.partitions === undefined && isRepeated(entities, picked))) return []
    const denial = each(checked, { name, fields: identity })
    return denial === undefined ? [] : [{ picked, denial }]
  })
}

function isRepeated(all: readonly Picked[], { name, identity }: Picked): boolean {
  const isSame = (other: Picked) => other.name === name && other.identity.resourceType === identity.resourceType
  return all.filter(isSame).length > 1
}

/** Handles the request without the denied entities. */
function workOnRest(
  api: Api,
  place: EntityPlace,
  checked: CheckedRequest,
  denied: readonly DeniedEntity[],
  work: Work,
): Reply<unknown> {
  const { request, nameOfTopic, version } = checked
  const left = without(
    place,
    request,
    denied.map(({ picked }) => picked),
    nameOfTopic,
  )
  if (left !== undefined) return work(left)
  return request.acks === 0 ? noResponse : blank(api.response.fields, version)
}

interface Denials {
  readonly place: EntityPlace | undefined
  readonly checked: CheckedRequest
  readonly response: unknown
  readonly denied: readonly DeniedEntity[]
}

function withDenials(api: Api, { place, checked, response, denied }: Denials): unknown {
  if (isWithoutResponse(response)) return response === noResponse ? closeConnection : response
  let changed = response as Struct
  for (const { picked, denial } of denied) {
    const { error, message } = denial
    changed = withErrors(api, checked.version, changed, {
      picked: [picked],
      errorCode: errorCode(error),
      nameOfTopic: checked.nameOfTopic,
      place,
      ...(message !== undefined && { errorMessage: message }),
    })
  }
  return changed
}

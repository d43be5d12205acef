import { closeConnection, isWithoutResponse, noResponse, type Reply, thenReply } from '../handlers/reply.ts'
import { blank, type Struct } from '../messages/blank.ts'
import { areInResponse, type Picked, pick, pickInResponse, withErrors, without } from '../messages/entities.ts'
import type { EntityPlace } from '../messages/error-place.ts'
import { errorPlaceFor, placesOf } from '../messages/places.ts'
import { Held } from '../state/held.ts'
import { withCorruptRecords } from './corrupt-records.ts'
import { type Exchange, nameOfTopic } from './exchange.ts'
import type { ActiveFault } from './faults.ts'
import { withoutInShareSession, withSessionPartitions } from './session-partitions.ts'

export type Work = (request: Struct) => Reply<unknown>

/** The handler with the effect of a fault. */
export function withFault(exchange: Exchange, fault: ActiveFault, work: Work): Work {
  const { effect, match } = fault.resolved
  const { broker, connection, cluster } = exchange.context
  const { runtime } = cluster
  const after = (change: (response: unknown) => unknown): Work => {
    return (request) => thenReply(runtime, work(request), change)
  }
  switch (effect.kind) {
    case 'error':
      return withError(exchange, fault, work)
    case 'delay':
      return (request) => {
        const held = new Held<unknown>(runtime, { timeoutMs: effect.ms, onTimeout: () => undefined })
        return thenReply(runtime, held, () => delayedWork(exchange, work, request))
      }
    case 'throttle':
      return after((response) => {
        if (isWithoutResponse(response)) return response
        connection.throttle(effect.ms)
        return { ...(response as Struct), throttleTimeMs: effect.ms }
      })
    case 'corruptResponse':
      return after((response) => {
        if (!isWithoutResponse(response)) connection.corruptNextResponse(effect.corruption)
        return response
      })
    case 'dropResponse':
      return after(() => noResponse)
    case 'closeAfterWork':
      return after(() => closeConnection)
    case 'close':
      return () => closeConnection
    case 'hang':
      return () => new Held<unknown>(runtime)
    case 'corruptCrc':
      if (exchange.api.name === 'Produce') return (request) => work(withCorruptRecords(exchange, request, match))
      return after((response) =>
        isWithoutResponse(response) ? response : withCorruptRecords(exchange, response as Struct, match),
      )
    case 'staleMetadata':
      return (request) => broker.withView(fault.staleView, () => work(request))
  }
}

/** Runs outside the dispatcher, which catches what handlers throw. */
function delayedWork({ context, api }: Exchange, work: Work, request: Struct): Reply<unknown> {
  try {
    return work(request)
  } catch (error) {
    const { broker, cluster } = context
    cluster.diagnose(
      `Broker ${broker.id} closed a connection: the handler of a delayed ${api.name} request failed: ${String(error)}`,
    )
    return closeConnection
  }
}

function withError(exchange: Exchange, fault: ActiveFault, work: Work): Work {
  const { api, context } = exchange
  const { apiVersion: version } = context
  const { runtime } = context.cluster
  const { effect, match } = fault.resolved
  if (effect.kind !== 'error') return work
  const nameOf = (id: string) => nameOfTopic(exchange, id)
  const { errorCode } = effect
  const at = errorPlaceFor(api.name, version, match, effect.at)?.entities
  return (request) => {
    // Names must be looked up before the work, which may delete topics.
    const picked = at === undefined ? [] : pick(at, withSessionPartitions({ ...exchange, request }), match, nameOf)
    const isForAll = at !== undefined && areInResponse(at, request, match)
    const injectErrors = (response: unknown) => {
      // With acks=0 closing the connection is the only way to report an error, as in Kafka.
      if (isWithoutResponse(response)) return response === noResponse ? closeConnection : response
      const all = isForAll ? pickInResponse(at, response as Struct, match, nameOf) : picked
      return withErrors(api, version, response as Struct, { picked: all, errorCode, nameOfTopic: nameOf, place: at })
    }
    if (effect.afterWork) return thenReply(runtime, work(request), injectErrors)
    if (placesOf(api.name).readsOnly && at !== undefined) {
      // A long poll with an error does not wait.
      return thenReply(runtime, work('maxWaitMs' in request ? { ...request, maxWaitMs: 0 } : request), injectErrors)
    }
    return thenReply(runtime, workOnRest(exchange, at, request, picked, work), injectErrors)
  }
}

/** Handles the part of a request that no rule matches. */
function workOnRest(
  exchange: Exchange,
  at: EntityPlace | undefined,
  request: Struct,
  picked: readonly Picked[],
  work: Work,
): Reply<unknown> {
  const { api, context } = exchange
  const rest = at && without(at, request, picked, (id) => nameOfTopic(exchange, id))
  if (api.name === 'ShareFetch' && at !== undefined) {
    return withoutInShareSession(exchange, picked, () => work(rest ?? { ...request, topics: [] }))
  }
  if (rest !== undefined) return work(rest)
  return api.name === 'Produce' && request.acks === 0 ? noResponse : blank(api.response.fields, context.apiVersion)
}

import type { Runtime } from '@ottla/runtime'
import { closeConnection, noResponse, type Reply } from '../handlers/handler.ts'
import { Held } from '../state/held.ts'
import { blank, type Struct } from './blank.ts'
import { corrupted } from './corrupt-records.ts'
import { type Exchange, meantRequest, nameOfTopic } from './exchange.ts'
import type { ActiveFault } from './faults.ts'
import { placeOf, placesOf } from './places.ts'
import { type Picked, pick, pickResponded, withErrors, without } from './response-errors.ts'

export type Work = (request: Struct) => Reply<unknown>

/** The work as a fault lets it happen. */
export function withFault(exchange: Exchange, fault: ActiveFault, work: Work): Work {
  const { effect } = fault.resolved
  const { runtime } = exchange.broker.cluster
  const after = (change: (response: unknown) => unknown): Work => {
    return (request) => thenReply(runtime, work(request), change)
  }
  switch (effect.kind) {
    case 'error':
      return withError(exchange, fault, work)
    case 'delay':
      return (request) => {
        const held = new Held<unknown>(runtime, { timeoutMs: effect.ms, onTimeout: () => undefined })
        return thenReply(runtime, held, () => lateWork(exchange, work, request))
      }
    case 'throttle':
      return after((response) => {
        if (isSymbol(response)) return response
        exchange.connection.throttle(effect.ms)
        return { ...(response as Struct), throttleTimeMs: effect.ms }
      })
    case 'corruptResponse':
      return after((response) => {
        if (!isSymbol(response)) exchange.connection.corruptNextResponse(effect.corruption)
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
      if (exchange.api.name === 'Produce') return (request) => work(corrupted(exchange, request, fault.resolved.match))
      return after((response) =>
        isSymbol(response) ? response : corrupted(exchange, response as Struct, fault.resolved.match),
      )
    case 'staleMetadata':
      return (request) => exchange.broker.asOf(fault.staleView, () => work(request))
  }
}

/** Nobody is there any more to catch what a handler throws. */
function lateWork({ broker, api }: Exchange, work: Work, request: Struct): Reply<unknown> {
  try {
    return work(request)
  } catch (error) {
    broker.cluster.diagnose(
      `broker ${broker.id} closes a connection on a delayed ${api.name} request: ${String(error)}`,
    )
    return closeConnection
  }
}

function withError(exchange: Exchange, fault: ActiveFault, work: Work): Work {
  const { api, version, broker } = exchange
  const { effect, match } = fault.resolved
  if (effect.kind !== 'error') return work
  const { runtime } = broker.cluster
  const nameOf = (id: string) => nameOfTopic(exchange, id)
  const at = placeOf(api.name, version).entities
  const { errorCode } = effect
  return (request) => {
    // What an entity is called may be gone after the work: topics are deleted.
    const picked = at === undefined ? [] : pick(at, meantRequest({ ...exchange, request }), match, nameOf)
    const isForAll = at !== undefined && request[at.request] === null
    const injectErrors = (response: unknown) => {
      // acks=0: the only thing that Kafka can say is to hang up.
      if (isSymbol(response)) return response === noResponse ? closeConnection : response
      const all = isForAll ? pickResponded(at, response as Struct, match, nameOf) : picked
      return withErrors(api, version, response as Struct, { picked: all, errorCode, nameOfTopic: nameOf })
    }
    if (effect.afterWork) return thenReply(runtime, work(request), injectErrors)
    if (placesOf(api.name).readsOnly && at !== undefined) {
      // A long poll has its error at once.
      return thenReply(runtime, work('maxWaitMs' in request ? { ...request, maxWaitMs: 0 } : request), injectErrors)
    }
    return thenReply(runtime, restOf(exchange, request, picked, work), injectErrors)
  }
}

/** What becomes of the part of a request that no rule is about. */
function restOf(exchange: Exchange, request: Struct, picked: readonly Picked[], work: Work): Reply<unknown> {
  const { api, version } = exchange
  const at = placeOf(api.name, version).entities
  const rest = at && without(at, request, picked, (id) => nameOfTopic(exchange, id))
  if (rest !== undefined) return work(rest)
  return api.name === 'Produce' && request.acks === 0 ? noResponse : blank(api.response.fields, version)
}

function isSymbol(response: unknown): response is typeof noResponse | typeof closeConnection {
  return response === noResponse || response === closeConnection
}

/** Goes on with a reply when it is there; the next may have to be waited for too. */
export function thenReply(
  runtime: Runtime,
  reply: Reply<unknown>,
  next: (response: unknown) => unknown,
): Reply<unknown> {
  if (!(reply instanceof Held)) return next(reply)
  let waiting: Held<unknown> = reply
  const outer = new Held<unknown>(runtime, { onSettled: () => waiting.cancel() })
  reply.deliverTo((response) => {
    const following = next(response)
    if (following instanceof Held) {
      waiting = following
      following.deliverTo((last: unknown) => outer.complete(last))
    } else outer.complete(following)
  })
  return outer
}

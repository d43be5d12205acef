import type { DecodedRequestHeader } from '@ottla/codec'
import {
  type Api,
  ApiVersions,
  DecodeError,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  errorCode,
} from '@ottla/codec'
import { handleWithRights, permissionsFor } from './authorization/guard.ts'
import type { Connection, Outcome } from './connection.ts'
import type { Struct } from './faults/blank.ts'
import type { Intervention } from './faults/interventions.ts'
import { advertised } from './handlers/advertised.ts'
import { closeConnection, type HandlerContext, type HandlerEntry, noResponse, type Reply } from './handlers/handler.ts'
import { handlerOf } from './handlers/registry.ts'
import { rawSaslToken, saslGate } from './handlers/sasl.ts'
import { refusedResponse } from './refused.ts'
import { type Release, versionsIn } from './releases.ts'
import { Held } from './state/held.ts'
import { throttled } from './throttling.ts'

const nothing: Outcome = { kind: 'nothing' }

/** One frame: decode, handle, encode. What cannot be answered closes the connection, as Kafka does, and is told. */
export function dispatch(connection: Connection, frame: Buffer): Outcome {
  if (connection.auth.isRaw && connection.auth.principal === undefined) return rawSaslToken(connection, frame)
  let header: DecodedRequestHeader
  try {
    header = decodeRequestHeader(frame)
  } catch (error) {
    return close(connection, `a request header that cannot be read: ${messageOf(error)}`)
  }
  const { apiKey, apiVersion } = header
  const { release } = connection.broker.cluster
  const served = handlerOf(apiKey)
  const entry = served && versionsIn(release, apiKey, served)
  if (entry === undefined) return close(connection, `a request of API ${apiKey}, which the testkit does not serve`)
  if (apiVersion < entry.minVersion || apiVersion > entry.maxVersion) {
    if (apiKey === ApiVersions.key) return refusedApiVersions(header, release)
    return close(connection, `a ${entry.api.name} request of version ${apiVersion}, which is not advertised`)
  }
  const refusal = saslGate(connection, entry.api)
  if (refusal?.kind === 'close') return close(connection, refusal.reason)
  if (refusal?.kind === 'error') return outOfTurn(connection, entry, header, frame)
  if (apiKey === ApiVersions.key) connection.auth.hasAskedVersions = true
  return respond(connection, entry, header, frame)
}

function respond(connection: Connection, entry: HandlerEntry, header: DecodedRequestHeader, frame: Buffer): Outcome {
  const { apiVersion, clientId, correlationId, bodyOffset } = header
  let request: unknown
  try {
    request = decodeRequest(entry.api, apiVersion, frame, bodyOffset, { ignoreLeftOver: true })
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return close(connection, `a ${entry.api.name} request that cannot be read: ${error.message}`)
  }
  const { broker, remoteAddress, auth } = connection
  connection.clientId = clientId
  const { cluster } = broker
  const context: HandlerContext = {
    broker,
    cluster,
    connection,
    clientId,
    clientHost: `/${remoteAddress}`,
    apiVersion,
    principal: auth.principal ?? 'User:ANONYMOUS',
    permissions: permissionsFor(connection, entry.api),
    now: () => cluster.runtime.wallNow(),
  }
  let intervention: Intervention | undefined
  const startedMs = cluster.runtime.monoNow()
  const responded = { context, api: entry.api, request, byteLength: frame.length, startedMs }
  const encode = (given: unknown): Outcome => {
    const response = broker.services.throttles.isIdle ? given : throttled(responded, given)
    intervention?.ended(response)
    if (response === noResponse) return nothing
    if (response === closeConnection) return { kind: 'close', reason: 'the handler asked for it' }
    try {
      const chunks = encodeResponse(entry.api as Api, apiVersion, correlationId, response as never)
      return { kind: 'response', chunks }
    } catch (error) {
      return close(connection, `a ${entry.api.name} request whose answer cannot be encoded: ${stackOf(error)}`)
    }
  }
  try {
    if (cluster.release?.refused.has(entry.api.key))
      return encode(refusedResponse(entry.api, apiVersion, request as Struct))
    let reply: Reply<unknown>
    if (cluster.interventions.isIdle) reply = handleWithRights(entry, context, request as Struct)
    else {
      const work = (changed: unknown) => handleWithRights(entry, context, changed as Struct)
      const about = { broker, connection, api: entry.api, version: apiVersion, correlationId, clientId }
      const exchange = { ...about, request: request as Struct, byteLength: frame.length, work }
      intervention = cluster.interventions.begin(exchange)
      reply = intervention.reply
    }
    return reply instanceof Held ? { kind: 'held', held: reply, encode } : encode(reply)
  } catch (error) {
    return close(connection, `a ${entry.api.name} request that its handler failed on: ${stackOf(error)}`)
  }
}

/** In the midst of an authentication: the answer is an error, and the last. */
function outOfTurn(connection: Connection, entry: HandlerEntry, header: DecodedRequestHeader, frame: Buffer): Outcome {
  const { apiVersion, correlationId, bodyOffset } = header
  try {
    const request = decodeRequest(entry.api as Api, apiVersion, frame, bodyOffset) as Struct
    const response = refusedResponse(entry.api, apiVersion, request, 'ILLEGAL_SASL_STATE')
    const chunks = encodeResponse(entry.api as Api, apiVersion, correlationId, response as never)
    connection.closeAfterResponse()
    return { kind: 'response', chunks }
  } catch (error) {
    return close(connection, `a ${entry.api.name} request during authentication: ${messageOf(error)}`)
  }
}

/** A client that is newer than the broker learns what it may ask: in version 0, which all can read (KIP-511). */
function refusedApiVersions({ correlationId }: DecodedRequestHeader, release: Release | undefined): Outcome {
  const own = advertised(release).filter(({ apiKey }) => apiKey === ApiVersions.key)
  const chunks = encodeResponse(ApiVersions, 0, correlationId, {
    errorCode: errorCode('UNSUPPORTED_VERSION'),
    apiKeys: [...own],
  })
  return { kind: 'response', chunks }
}

function close({ broker }: Connection, what: string): Outcome {
  broker.cluster.diagnose(`broker ${broker.id} closes a connection on ${what}`)
  return { kind: 'close', reason: what }
}

/** A mistake of the testkit, not of the client: where it happened is what helps. */
function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

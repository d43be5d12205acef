import {
  type Api,
  ApiVersions,
  type DecodedRequestHeader,
  DecodeError,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  errorCode,
} from '@ottla/codec'
import { handleWithRights, permissionsFor } from '../authorization/guard.ts'
import type { Broker } from '../broker/broker.ts'
import type { ClusterContext } from '../broker/cluster-context.ts'
import type { Connection, Dispatch, Outcome } from '../connection/connection.ts'
import type { AdvertisedApi, HandlerContext, HandlerEntry } from '../handlers/handler.ts'
import { advertised, handlerOf } from '../handlers/registry.ts'
import { closeConnection, noResponse, type Reply } from '../handlers/reply.ts'
import { rawSaslToken, saslGate } from '../handlers/sasl.ts'
import type { Struct } from '../messages/blank.ts'
import { failedResponse } from '../messages/entities.ts'
import { Held } from '../state/held.ts'
import { versionsLeft } from '../state/quirks.ts'
import type { Intervention, Interventions } from './interventions.ts'
import { throttled } from './throttling.ts'

const nothing: Outcome = { kind: 'nothing' }

/** What handles the requests of one broker. */
interface Node {
  readonly broker: Broker
  /** With the broker's runtime. */
  readonly cluster: ClusterContext
  readonly interventions: Interventions
  readonly advertised: readonly AdvertisedApi[]
}

/** A frame with its decoded header. */
interface Incoming {
  readonly connection: Connection
  readonly header: DecodedRequestHeader
  readonly frame: Buffer
}

/** The function that handles the requests of one broker: decode, check, handle, encode. */
export function dispatcher(broker: Broker, cluster: ClusterContext, interventions: Interventions): Dispatch {
  const node: Node = {
    broker,
    cluster: { ...cluster, runtime: broker.runtime },
    interventions,
    advertised: advertised(cluster),
  }
  return (connection, frame) => dispatch(node, connection, frame)
}

/** A frame that cannot be handled closes the connection, as in Kafka, with a diagnostic for the test. */
function dispatch(node: Node, connection: Connection, frame: Buffer): Outcome {
  const { cluster } = node
  if (connection.auth.isRaw && connection.auth.principal === undefined) {
    return rawSaslToken({ connection, cluster }, frame)
  }
  let header: DecodedRequestHeader
  try {
    header = decodeRequestHeader(frame)
  } catch (error) {
    return close(node, `the request header cannot be decoded: ${messageOf(error)}`)
  }
  const { apiKey, apiVersion } = header
  if (apiVersion > (cluster.quirks.resetsAbove.get(apiKey) ?? apiVersion)) {
    return { kind: 'close', reason: `version ${apiVersion} of API ${apiKey} is unknown`, resets: true }
  }
  const served = handlerOf(apiKey)
  const entry = served && versionsLeft(cluster, apiKey, served)
  if (entry === undefined) return close(node, `the testkit does not serve API ${apiKey}`)
  const { api, minVersion, maxVersion } = entry
  if (apiVersion < minVersion || apiVersion > maxVersion) {
    if (apiKey === ApiVersions.key) return unsupportedApiVersions(node, header)
    return close(node, `version ${apiVersion} of ${api.name} is not advertised`)
  }
  const refusal = saslGate(connection, api, cluster.runtime)
  if (refusal?.kind === 'close') return close(node, refusal.reason)
  if (refusal?.kind === 'error') return refuseDuringSasl(node, entry, { connection, header, frame })
  if (apiKey === ApiVersions.key) connection.auth.hasRequestedVersions = true
  return respond(node, entry, { connection, header, frame })
}

function respond(node: Node, entry: HandlerEntry, { connection, header, frame }: Incoming): Outcome {
  const { cluster, interventions } = node
  const { api } = entry
  const { apiVersion, clientId, correlationId, bodyOffset } = header
  let request: Struct
  try {
    request = decodeRequest(api as Api, apiVersion, frame, bodyOffset, { ignoreLeftOver: true }) as Struct
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return close(node, `the ${api.name} request cannot be decoded: ${error.message}`)
  }
  connection.clientId = clientId
  const context = contextOf(node, api, connection, header)
  const startedMs = cluster.runtime.monoNow()
  let intervention: Intervention | undefined
  const encode = (reply: unknown): Outcome => {
    const response = node.broker.services.throttles.isIdle
      ? reply
      : throttled({ context, api, request, byteLength: frame.length, startedMs }, reply)
    intervention?.ended(response)
    if (response === noResponse) return nothing
    if (response === closeConnection) return { kind: 'close', reason: 'the handler closes the connection' }
    try {
      return { kind: 'response', chunks: encodeResponse(api, apiVersion, correlationId, response as never) }
    } catch (error) {
      return close(node, `the ${api.name} response cannot be encoded: ${stackOf(error)}`)
    }
  }
  try {
    if (cluster.release?.refused.has(api.key)) return encode(failedResponse(api, apiVersion, request))
    let reply: Reply<unknown>
    if (interventions.isIdle) reply = handleWithRights(entry, context, request)
    else {
      const work = (changed: Struct) => handleWithRights(entry, context, changed)
      intervention = interventions.begin({ context, api, correlationId, request, byteLength: frame.length, work })
      reply = intervention.reply
    }
    return reply instanceof Held ? { kind: 'held', held: reply, encode } : encode(reply)
  } catch (error) {
    return close(node, `the handler of a ${api.name} request failed: ${stackOf(error)}`)
  }
}

function contextOf(
  { broker, cluster, advertised }: Node,
  api: Api,
  connection: Connection,
  { apiVersion, clientId }: DecodedRequestHeader,
): HandlerContext {
  return {
    broker,
    cluster,
    connection,
    clientId,
    clientHost: `/${connection.remoteAddress}`,
    apiVersion,
    principal: connection.auth.principal ?? 'User:ANONYMOUS',
    permissions: permissionsFor({ broker, cluster, connection }, api),
    advertised,
    now: () => cluster.runtime.wallNow(),
  }
}

/** Another request in the middle of an authentication gets an error response, then the connection closes. */
function refuseDuringSasl(node: Node, { api }: HandlerEntry, { connection, header, frame }: Incoming): Outcome {
  const { apiVersion, correlationId, bodyOffset } = header
  try {
    const request = decodeRequest(api as Api, apiVersion, frame, bodyOffset) as Struct
    const response = failedResponse(api, apiVersion, request, 'ILLEGAL_SASL_STATE')
    const chunks = encodeResponse(api as Api, apiVersion, correlationId, response as never)
    connection.closeAfterResponse()
    return { kind: 'response', chunks }
  } catch (error) {
    return close(node, `${api.name} request during authentication: ${messageOf(error)}`)
  }
}

/** A client newer than the broker receives the supported versions in version 0, which every client can read (KIP-511). */
function unsupportedApiVersions({ advertised }: Node, { correlationId }: DecodedRequestHeader): Outcome {
  const own = advertised.filter(({ apiKey }) => apiKey === ApiVersions.key)
  const chunks = encodeResponse(ApiVersions, 0, correlationId, {
    errorCode: errorCode('UNSUPPORTED_VERSION'),
    apiKeys: [...own],
  })
  return { kind: 'response', chunks }
}

function close({ broker, cluster }: Node, reason: string): Outcome {
  cluster.diagnose(`Broker ${broker.id} closed a connection: ${reason}`)
  return { kind: 'close', reason }
}

/** For bugs of the testkit: the stack shows where. */
function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

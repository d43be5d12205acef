import { type Api, encodeResponse, Fetch, Produce } from '@ottla/codec'
import type { HandlerContext } from '../handlers/handler.ts'
import { closeConnection, noResponse } from '../handlers/reply.ts'
import type { Struct } from '../messages/blank.ts'
import { type ClientThrottles, clientOf } from '../state/quotas/client-throttles.ts'

/** A request that was handled, and whose response is not written yet. */
export interface HandledRequest {
  readonly context: HandlerContext
  readonly api: Api
  readonly request: unknown
  /** Of the request's frame. */
  readonly byteLength: number
  readonly startedMs: number
}

/** Applies quotas to a response; a connection above its quota is muted for a while (KIP-219). */
export function throttled(handled: HandledRequest, response: unknown): unknown {
  const { context, api, byteLength, startedMs } = handled
  if (response === closeConnection) return response
  const { broker, connection, cluster } = context
  const { throttles } = broker.services
  const client = clientOf(context)
  let throttleTimeMs = 0
  let kept = response
  if (api.key === Produce.key) throttleTimeMs = throttles.record('producer_byte_rate', client, byteLength)
  if (api.key === Fetch.key && response !== noResponse) {
    throttleTimeMs = recordFetched(handled, throttles, response as Struct)
    if (throttleTimeMs > 0) kept = withoutRecords(handled, response as Struct)
  }
  if (throttles.limits('request_percentage', client)) {
    const usedMs = cluster.runtime.monoNow() - startedMs
    throttleTimeMs = Math.max(throttleTimeMs, throttles.record('request_percentage', client, usedMs / 10))
  }
  if (throttleTimeMs <= 0) return kept
  connection.throttle(throttleTimeMs)
  return kept === noResponse ? kept : { ...(kept as Struct), throttleTimeMs }
}

/** Counts the bytes of a fetch response. A response above the quota is not sent, so it is not counted. */
function recordFetched({ context, api }: HandledRequest, throttles: ClientThrottles, response: Struct): number {
  const client = clientOf(context)
  if (!throttles.limits('consumer_byte_rate', client)) return 0
  let bytes = 0
  for (const chunk of encodeResponse(api, context.apiVersion, 0, response as never)) bytes += chunk.byteLength
  const throttleTimeMs = throttles.record('consumer_byte_rate', client, bytes)
  if (throttleTimeMs > 0) throttles.record('consumer_byte_rate', client, -bytes)
  return throttleTimeMs
}

/** The empty response of a throttled fetch. A session that this request would have created is not created. */
function withoutRecords({ request }: HandledRequest, { sessionId }: Struct): Struct {
  const { sessionEpoch } = request as Struct
  const isInSession = typeof sessionEpoch === 'number' && sessionEpoch > 0
  return { errorCode: 0, sessionId: isInSession ? sessionId : 0, responses: [] }
}

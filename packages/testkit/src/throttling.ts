import { type Api, encodeResponse, Fetch, Produce } from '@ottla/codec'
import type { Struct } from './faults/blank.ts'
import { closeConnection, type HandlerContext, noResponse } from './handlers/handler.ts'
import { type ClientThrottles, clientOf } from './state/quotas/client-throttles.ts'

/** A request that was answered, before the answer is written. */
export interface Responded {
  readonly context: HandlerContext
  readonly api: Api
  readonly request: unknown
  /** Of the request's frame. */
  readonly byteLength: number
  readonly startedMs: number
}

/** The answer as quotas leave it; whoever took too much is not read from for a while (KIP-219). */
export function throttled(responded: Responded, response: unknown): unknown {
  const { context, api, byteLength, startedMs } = responded
  if (response === closeConnection) return response
  const { broker, connection, cluster } = context
  const { throttles } = broker.services
  const client = clientOf(context)
  let throttleTimeMs = 0
  let kept = response
  if (api.key === Produce.key) throttleTimeMs = throttles.record('producer_byte_rate', client, byteLength)
  if (api.key === Fetch.key && response !== noResponse) {
    throttleTimeMs = fetched(responded, throttles, response as Struct)
    if (throttleTimeMs > 0) kept = emptied(responded, response as Struct)
  }
  if (throttles.limits('request_percentage', client)) {
    const usedMs = cluster.runtime.monoNow() - startedMs
    throttleTimeMs = Math.max(throttleTimeMs, throttles.record('request_percentage', client, usedMs / 10))
  }
  if (throttleTimeMs <= 0) return kept
  connection.throttle(throttleTimeMs)
  return kept === noResponse ? kept : { ...(kept as Struct), throttleTimeMs }
}

/** Counts what a consumer gets. Too much is not sent, and then it does not count. */
function fetched({ context, api }: Responded, throttles: ClientThrottles, response: Struct): number {
  const client = clientOf(context)
  if (!throttles.limits('consumer_byte_rate', client)) return 0
  let bytes = 0
  for (const chunk of encodeResponse(api, context.apiVersion, 0, response as never)) bytes += chunk.byteLength
  const throttleTimeMs = throttles.record('consumer_byte_rate', client, bytes)
  if (throttleTimeMs > 0) throttles.record('consumer_byte_rate', client, -bytes)
  return throttleTimeMs
}

/** Only a session that was there before goes on. */
function emptied({ request }: Responded, { sessionId }: Struct): Struct {
  const { sessionEpoch } = request as Struct
  const goesOn = typeof sessionEpoch === 'number' && sessionEpoch > 0
  return { errorCode: 0, sessionId: goesOn ? sessionId : 0, responses: [] }
}

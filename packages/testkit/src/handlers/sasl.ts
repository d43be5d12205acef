import { ApiVersions, SaslAuthenticate, SaslHandshake } from '@ottla/codec'
import type { Runtime } from '@ottla/runtime'
import type { Connection, ConnectionAuth, Outcome } from '../connection/connection.ts'
import type { SaslExchange, SaslStep } from '../state/rights/sasl-exchange.ts'
import type { HandlerContext, ServedApi } from './handler.ts'

/** Kafka rejects reauthentications of a connection that are closer together. */
const minReauthenticationMs = 1000

export type SaslResponse = Extract<SaslStep, { kind: 'continue' | 'done' }> & { readonly sessionLifetimeMs: number }

/** The response to a token, or why it is rejected. */
export type SaslResult = SaslResponse | { readonly kind: 'failed'; readonly message: string }

/** The request is not handled: the connection closes, immediately or after an error response. */
export type SaslRefusal = { readonly kind: 'close'; readonly reason: string } | { readonly kind: 'error' }

/**
 * Whether a connection that requires authentication may send this request now; undefined when it may. An expired session
 * closes the connection, unless the client reauthenticates.
 */
export function saslGate(
  { auth }: Connection,
  api: ServedApi['api'],
  runtime: Pick<Runtime, 'monoNow'>,
): SaslRefusal | undefined {
  if (auth.principal !== undefined) {
    if (auth.sessionEndsAtMs === undefined) return undefined
    const nowMs = runtime.monoNow()
    if (api.key === SaslHandshake.key && nowMs - (auth.reauthenticatedAtMs ?? -Infinity) >= minReauthenticationMs) {
      beginReauthentication(auth, nowMs)
      return undefined
    }
    return nowMs > auth.sessionEndsAtMs ? { kind: 'close', reason: 'the SASL session has expired' } : undefined
  }
  if (auth.exchange !== undefined) return api.key === SaslAuthenticate.key ? undefined : { kind: 'error' }
  const isFirst = auth.mechanism === undefined
  if (isFirst && api.key === SaslHandshake.key) return undefined
  if (isFirst && api.key === ApiVersions.key && !auth.hasRequestedVersions) return undefined
  return { kind: 'close', reason: `${api.name} request before authentication` }
}

function beginReauthentication(auth: ConnectionAuth, nowMs: number): void {
  auth.before = { principal: auth.principal ?? '', mechanism: auth.mechanism ?? '' }
  auth.reauthenticatedAtMs = nowMs
  auth.principal = undefined
  auth.mechanism = undefined
  auth.exchange = undefined
}

type SaslContext = Pick<HandlerContext, 'connection' | 'cluster'>

/** Processes a token of the client; the last one authenticates the connection. Undefined: the connection closes. */
export function saslStep({ connection: { auth }, cluster }: SaslContext, token: Uint8Array): SaslResult | undefined {
  const exchange = auth.exchange as SaslExchange | undefined
  if (!exchange) return undefined
  const step = exchange.step(token)
  if (step.kind === 'continue') return { ...step, sessionLifetimeMs: 0 }
  auth.exchange = undefined
  if (step.kind === 'tripped') return undefined
  const { before } = auth
  if (step.kind === 'failed') {
    const what = before === undefined ? 'authentication' : 're-authentication'
    const generic = `Authentication failed during ${what} due to invalid credentials with SASL mechanism ${auth.mechanism}`
    return { kind: 'failed', message: step.message ?? generic }
  }
  const principal = `User:${step.user}`
  if (before !== undefined && before.principal !== principal) {
    const [was, is] = [before.principal, principal].map((each) => each.replace(':', '.'))
    return { kind: 'failed', message: `Cannot change principals during re-authentication from ${was}: ${is}` }
  }
  auth.principal = principal
  auth.isToken = step.isToken ?? false
  const { runtime, config } = cluster
  const maxReauthMs = config.number('connections.max.reauth.ms')
  const limits = [
    ...(maxReauthMs > 0 ? [maxReauthMs] : []),
    ...(step.expiresAtMs === undefined ? [] : [step.expiresAtMs - runtime.wallNow()]),
  ]
  const sessionLifetimeMs = limits.length === 0 ? 0 : Math.max(0, Math.min(...limits))
  auth.sessionEndsAtMs = limits.length === 0 ? undefined : runtime.monoNow() + sessionLifetimeMs
  return { ...step, sessionLifetimeMs }
}

/** A token after SaslHandshake v0: a bare frame, like its response. Without an error field, a failure closes the connection. */
export function rawSaslToken(context: SaslContext, frame: Uint8Array): Outcome {
  const step = saslStep(context, frame)
  if (!step || step.kind === 'failed') {
    return { kind: 'close', reason: step?.message ?? 'SASL token without a handshake' }
  }
  const length = Buffer.alloc(4)
  length.writeInt32BE(step.bytes.length)
  return { kind: 'response', chunks: [length, step.bytes] }
}

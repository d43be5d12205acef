import { ApiVersions, SaslAuthenticate, SaslHandshake } from '@ottla/codec'
import type { Connection, ConnectionAuth, Outcome } from '../connection.ts'
import type { SaslExchange, SaslStep } from '../state/rights/sasl-exchange.ts'
import type { HandlerEntry } from './handler.ts'

/** A client may not begin again more often than that. */
const minReauthenticationMs = 1000

export type SaslResponse = Extract<SaslStep, { kind: 'continue' | 'done' }> & { readonly sessionLifetimeMs: number }

/** What to answer to a token, or why it is refused. */
export type SaslResult = SaslResponse | { readonly kind: 'failed'; readonly message: string }

/** The request may not pass: the connection closes, at once or after an answer that is an error. */
export type SaslRefusal = { readonly kind: 'close'; readonly reason: string } | { readonly kind: 'error' }

/**
 * Whether a connection that has to authenticate may ask this now: undefined where it may. A session that is over closes the
 * connection, unless the client begins again.
 */
export function saslGate({ auth, broker }: Connection, api: HandlerEntry['api']): SaslRefusal | undefined {
  if (auth.principal !== undefined) {
    if (auth.sessionEndsAtMs === undefined) return undefined
    const nowMs = broker.cluster.runtime.monoNow()
    if (api.key === SaslHandshake.key && nowMs - (auth.againAtMs ?? -Infinity) >= minReauthenticationMs) {
      beginAgain(auth, nowMs)
      return undefined
    }
    return nowMs > auth.sessionEndsAtMs ? { kind: 'close', reason: 'a request after its session' } : undefined
  }
  if (auth.exchange !== undefined) return api.key === SaslAuthenticate.key ? undefined : { kind: 'error' }
  const isFirst = auth.mechanism === undefined
  if (isFirst && api.key === SaslHandshake.key) return undefined
  if (isFirst && api.key === ApiVersions.key && !auth.hasAskedVersions) return undefined
  return { kind: 'close', reason: `a ${api.name} request before authentication` }
}

function beginAgain(auth: ConnectionAuth, nowMs: number): void {
  auth.before = { principal: auth.principal ?? '', mechanism: auth.mechanism ?? '' }
  auth.againAtMs = nowMs
  auth.principal = undefined
  auth.mechanism = undefined
  auth.exchange = undefined
}

/** Takes a token of the client; when it was the last, the connection is the user's. Undefined: it closes. */
export function saslStep({ auth, broker }: Connection, token: Uint8Array): SaslResult | undefined {
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
  const { runtime, config } = broker.cluster
  const maxReauthMs = config.number('connections.max.reauth.ms')
  const limits = [
    ...(maxReauthMs > 0 ? [maxReauthMs] : []),
    ...(step.expiresAtMs === undefined ? [] : [step.expiresAtMs - runtime.wallNow()]),
  ]
  const sessionLifetimeMs = limits.length === 0 ? 0 : Math.max(0, Math.min(...limits))
  auth.sessionEndsAtMs = limits.length === 0 ? undefined : runtime.monoNow() + sessionLifetimeMs
  return { ...step, sessionLifetimeMs }
}

/** A token after SaslHandshake v0: bare in its frame, as the answer is. What is wrong cannot be said: the connection closes. */
export function rawSaslToken(connection: Connection, frame: Uint8Array): Outcome {
  const step = saslStep(connection, frame)
  if (!step || step.kind === 'failed') return { kind: 'close', reason: step?.message ?? 'a token without a handshake' }
  const length = Buffer.alloc(4)
  length.writeInt32BE(step.bytes.length)
  return { kind: 'response', chunks: [length, step.bytes] }
}

import type { BearerIdentity, OauthOptions } from './sasl-options.ts'

/** Why a token was rejected, in the terms of OAuth (RFC 6750). */
export interface BearerRefusal {
  readonly status: 'invalid_token' | 'insufficient_scope'
  readonly scope: string | undefined
}

const invalidToken: BearerRefusal = { status: 'invalid_token', scope: undefined }

type Claims = Readonly<Record<string, unknown>>

/** Reads an unsigned token (`alg: none`), with the checks of Kafka's validator for unsecured tokens. */
export function unsecuredIdentity(
  token: string,
  options: Omit<OauthOptions, 'validate'>,
  nowMs: number,
): BearerIdentity | BearerRefusal {
  const { principalClaim = 'sub', scopeClaim = 'scope', requiredScope = '', allowableClockSkewMs = 0 } = options
  const parts = token.split('.')
  const [header, claims] = [jsonOf(parts[0]), jsonOf(parts[1])]
  if (parts.length !== 3 || parts[2] !== '' || header === undefined || claims === undefined) return invalidToken
  if (header.alg !== 'none') return invalidToken
  const { [principalClaim]: principal, exp, iat } = claims
  if (typeof principal !== 'string' || principal.trim() === '' || typeof exp !== 'number') return invalidToken
  if (iat !== undefined && iat !== null) {
    if (typeof iat !== 'number' || 1000 * iat > nowMs + allowableClockSkewMs || exp <= iat) return invalidToken
  }
  if (nowMs - allowableClockSkewMs >= 1000 * exp) return invalidToken
  const required = requiredScope.split(' ').filter((scope) => scope !== '')
  const scopes = scopesOf(claims, scopeClaim)
  if (!required.every((scope) => scopes.has(scope))) {
    return { status: 'insufficient_scope', scope: `[${required.join(', ')}]` }
  }
  return { principal, expiresAtMs: Math.round(exp * 1000) }
}

function jsonOf(part: string | undefined): Claims | undefined {
  if (part === undefined || part === '' || !/^[A-Za-z0-9+/_-]+=*$/.test(part)) return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}

/** A string is a single scope, even with spaces. */
function scopesOf(claims: Claims, claim: string): ReadonlySet<string> {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined
  const listed = Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : []
  return new Set(listed.map((scope) => scope.trim()).filter((scope) => scope !== ''))
}

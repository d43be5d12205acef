import type { ErrorName } from '@ottla/codec'
import type { DelegationTokenManager, TokenOutcome } from '../controllers/delegation-tokens.ts'
import type { HandlerContext } from './handler.ts'
import { codes } from './support.ts'

/** Why this connection may not manage delegation tokens: its client must be authenticated, and not by a token. */
export function tokenRefusal({ connection, principal }: HandlerContext): ErrorName | undefined {
  const isUnknown = principal === 'User:ANONYMOUS'
  return connection.auth.isToken || isUnknown ? 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED' : undefined
}

/** The response to a change of a token's expiry. Times are -1 when the broker rejects the request, as in Kafka. */
export function outcomeOf(
  { isOpen }: DelegationTokenManager,
  refusal: ErrorName | undefined,
  change: () => TokenOutcome,
) {
  if (refusal !== undefined) return failed(refusal, -1n)
  if (!isOpen) return failed('DELEGATION_TOKEN_AUTH_DISABLED', 0n)
  const outcome = change()
  if (outcome.error !== undefined) return failed(outcome.error, 0n)
  return { throttleTimeMs: 0, errorCode: 0, expiryTimestampMs: BigInt(outcome.expiresAtMs) }
}

function failed(error: ErrorName, expiryTimestampMs: bigint) {
  return { throttleTimeMs: 0, errorCode: codes.of(error), expiryTimestampMs }
}

import { CreateDelegationToken, type ErrorName } from '@ottla/codec'
import { type Principal, principalOf } from '../state/rights/delegation-tokens.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'
import { tokenRefusal } from './tokens-support.ts'

interface Principals {
  readonly owner: Principal
  readonly requester: Principal
}

const anonymous: Principal = { type: 'User', name: 'ANONYMOUS' }

const handle: Handler<typeof CreateDelegationToken> = (context, request) => {
  const { cluster, apiVersion } = context
  const requester = principalOf(context.principal)
  const { ownerPrincipalType: type = null, ownerPrincipalName: name = null } = apiVersion >= 3 ? request : {}
  // Kafka throws on a name without a type.
  if (name && type === null) {
    return failed('UNKNOWN_SERVER_ERROR', -1n, partsOf({ owner: anonymous, requester: anonymous }, apiVersion))
  }
  const owner = name ? { type: type ?? '', name } : requester
  const principals = partsOf({ owner, requester }, apiVersion)
  const refusal = tokenRefusal(context)
  if (refusal !== undefined) return failed(refusal, -1n, principals)
  if (request.renewers.some(({ principalType }) => principalType !== 'User')) {
    return failed('INVALID_PRINCIPAL_TYPE', -1n, principals)
  }
  if (!cluster.tokens.isOpen) return failed('DELEGATION_TOKEN_AUTH_DISABLED', 0n, principals)
  const renewers = request.renewers.map((each) => ({ type: each.principalType, name: each.principalName }))
  const token = cluster.tokens.create({ owner, requester, renewers, maxLifetimeMs: Number(request.maxLifetimeMs) })
  return {
    ...principals,
    errorCode: 0,
    issueTimestampMs: BigInt(token.issuedAtMs),
    expiryTimestampMs: BigInt(token.expiresAtMs),
    maxTimestampMs: BigInt(token.endsAtMs),
    tokenId: token.id,
    hmac: token.hmac,
  }
}

function partsOf({ owner, requester }: Principals, apiVersion: number) {
  return {
    throttleTimeMs: 0,
    principalType: owner.type,
    principalName: owner.name,
    ...(apiVersion >= 3 && {
      tokenRequesterPrincipalType: requester.type,
      tokenRequesterPrincipalName: requester.name,
    }),
  }
}

/** Times are -1 when the broker rejects the request, and 0 when the controller does. */
function failed(error: ErrorName, timestampMs: bigint, principals: ReturnType<typeof partsOf>) {
  return {
    ...principals,
    errorCode: codes.of(error),
    issueTimestampMs: timestampMs,
    expiryTimestampMs: timestampMs,
    maxTimestampMs: timestampMs,
    tokenId: '',
    hmac: Buffer.alloc(0),
  }
}

export const createDelegationTokenHandler = serves(CreateDelegationToken, allVersions(CreateDelegationToken), handle)

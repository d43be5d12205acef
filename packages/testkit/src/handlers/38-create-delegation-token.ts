import { CreateDelegationToken, type ErrorName } from '@ottla/codec'
import { principalOf } from '../state/delegation-tokens.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'
import { tokenRefusal } from './tokens-support.ts'

const handle: Handler<typeof CreateDelegationToken> = (context, request) => {
  const { cluster, apiVersion } = context
  const requester = principalOf(context.principal)
  const { ownerPrincipalType, ownerPrincipalName } = apiVersion >= 3 ? request : {}
  const owner = ownerPrincipalName ? { type: ownerPrincipalType ?? 'User', name: ownerPrincipalName } : requester
  const people = {
    throttleTimeMs: 0,
    principalType: owner.type,
    principalName: owner.name,
    ...(apiVersion >= 3 && {
      tokenRequesterPrincipalType: requester.type,
      tokenRequesterPrincipalName: requester.name,
    }),
  }
  const failed = (error: ErrorName, timestampMs: bigint) => ({
    ...people,
    errorCode: codes.of(error),
    issueTimestampMs: timestampMs,
    expiryTimestampMs: timestampMs,
    maxTimestampMs: timestampMs,
    tokenId: '',
    hmac: Buffer.alloc(0),
  })
  const refusal = tokenRefusal(context)
  if (refusal !== undefined) return failed(refusal, -1n)
  if (request.renewers.some(({ principalType }) => principalType !== 'User')) {
    return failed('INVALID_PRINCIPAL_TYPE', -1n)
  }
  if (!cluster.tokens.isOpen) return failed('DELEGATION_TOKEN_AUTH_DISABLED', 0n)
  const renewers = request.renewers.map(({ principalType: type, principalName: name }) => ({ type, name }))
  const maxLifetimeMs = Number(request.maxLifetimeMs)
  const token = cluster.tokens.create({ owner, requester, renewers, maxLifetimeMs })
  return {
    ...people,
    errorCode: 0,
    issueTimestampMs: BigInt(token.issuedAtMs),
    expiryTimestampMs: BigInt(token.expiresAtMs),
    maxTimestampMs: BigInt(token.endsAtMs),
    tokenId: token.id,
    hmac: token.hmac,
  }
}

export const createDelegationToken = serves(CreateDelegationToken, allVersions(CreateDelegationToken), handle)

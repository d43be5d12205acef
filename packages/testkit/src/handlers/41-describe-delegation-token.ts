import { DescribeDelegationToken } from '@ottla/codec'
import { type DelegationToken, isOwnerOrRenewer, type Principal } from '../state/rights/delegation-tokens.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'
import { tokenRefusal } from './tokens-support.ts'

const handle: Handler<typeof DescribeDelegationToken> = (context, request) => {
  const { broker, cluster, apiVersion } = context
  const refusal = tokenRefusal(context) ?? (cluster.tokens.isOpen ? undefined : 'DELEGATION_TOKEN_AUTH_DISABLED')
  if (refusal !== undefined) return { throttleTimeMs: 0, errorCode: codes.of(refusal), tokens: [] }
  const owners = request.owners?.map(({ principalType: type, principalName: name }) => ({ type, name }))
  const isRequested = (token: DelegationToken) => owners?.some((owner) => isOwnerOrRenewer(token, owner)) ?? true
  const tokens = [...broker.view.areas.delegationTokens.values()].filter(isRequested)
  return { throttleTimeMs: 0, errorCode: 0, tokens: tokens.map((token) => describe(token, apiVersion)) }
}

function describe(token: DelegationToken, apiVersion: number) {
  const { owner, requester, renewers, issuedAtMs, expiresAtMs, endsAtMs, id, hmac } = token
  return {
    ...partsOf(owner),
    ...(apiVersion >= 3 && {
      tokenRequesterPrincipalType: requester.type,
      tokenRequesterPrincipalName: requester.name,
    }),
    issueTimestamp: BigInt(issuedAtMs),
    expiryTimestamp: BigInt(expiresAtMs),
    maxTimestamp: BigInt(endsAtMs),
    tokenId: id,
    hmac,
    renewers: renewers.map(partsOf),
  }
}

function partsOf({ type, name }: Principal) {
  return { principalType: type, principalName: name }
}

export const describeDelegationTokenHandler = serves(
  DescribeDelegationToken,
  allVersions(DescribeDelegationToken),
  handle,
)

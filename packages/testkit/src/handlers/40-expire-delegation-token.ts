import { ExpireDelegationToken } from '@ottla/codec'
import { principalOf } from '../state/rights/delegation-tokens.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions } from './support.ts'
import { outcomeOf, tokenRefusal } from './tokens-support.ts'

const handle: Handler<typeof ExpireDelegationToken> = (context, { hmac, expiryTimePeriodMs }) => {
  const { tokens } = context.cluster
  return outcomeOf(tokens, tokenRefusal(context), () =>
    tokens.expire(hmac, Number(expiryTimePeriodMs), principalOf(context.principal)),
  )
}

export const expireDelegationTokenHandler = serves(ExpireDelegationToken, allVersions(ExpireDelegationToken), handle)

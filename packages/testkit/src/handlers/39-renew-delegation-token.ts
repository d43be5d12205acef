import { RenewDelegationToken } from '@ottla/codec'
import { principalOf } from '../state/rights/delegation-tokens.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions } from './support.ts'
import { outcomeOf, tokenRefusal } from './tokens-support.ts'

const handle: Handler<typeof RenewDelegationToken> = (context, { hmac, renewPeriodMs }) => {
  const { tokens } = context.cluster
  return outcomeOf(tokens, tokenRefusal(context), () =>
    tokens.renew(hmac, Number(renewPeriodMs), principalOf(context.principal)),
  )
}

export const renewDelegationTokenHandler = serves(RenewDelegationToken, allVersions(RenewDelegationToken), handle)

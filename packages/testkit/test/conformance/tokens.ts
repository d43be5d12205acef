import { type Api, CreateDelegationToken, DescribeDelegationToken, errorOf, RenewDelegationToken } from '@ottla/codec'
import type { Wire } from '../support/wire.ts'
import type { Stage } from './stage.ts'

/** Authenticated; the other listener rejects requests about tokens. */
export const alice = { name: 'alice', password: 'alice-secret' } as const

export interface Token {
  readonly tokenId: string
  readonly hmac: Buffer
}

/** A token of alice with these renewers, when broker 1 and the controller have it. */
export async function createToken<A extends Api>(
  stage: Stage<A>,
  on: Wire,
  { renewers = [], maxLifetimeMs = -1n }: { renewers?: readonly string[]; maxLifetimeMs?: bigint } = {},
): Promise<Token> {
  const people = renewers.map((principalName) => ({ principalType: 'User', principalName }))
  const response = await stage.do(CreateDelegationToken, 1, { renewers: people, maxLifetimeMs }, { on })
  if (response.errorCode !== 0) throw new Error(errorOf(response.errorCode).name)
  const token = { tokenId: response.tokenId, hmac: Buffer.from(response.hmac) }
  await there(stage, on, token, true)
  return token
}

/**
 * Waits until broker 1 has a token of alice, or no longer has it. With its hmac also waits for the controller, which applies its
 * own decisions as late as brokers do. The renewal for that does not change the token.
 */
export async function there<A extends Api>(
  stage: Stage<A>,
  on: Wire,
  { tokenId, hmac }: { readonly tokenId: string; readonly hmac?: Uint8Array },
  isThere: boolean,
): Promise<void> {
  await stage.until(`token ${tokenId}`, async () => {
    const { tokens } = await stage.do(DescribeDelegationToken, 1, { owners: null }, { on })
    return tokens.some((token) => token.tokenId === tokenId) === isThere
  })
  if (hmac === undefined) return
  await stage.until(`token ${tokenId} with the controller`, async () => {
    const { errorCode } = await stage.do(RenewDelegationToken, 1, { hmac, renewPeriodMs: -1n }, { on })
    return (errorOf(errorCode).name !== 'DELEGATION_TOKEN_NOT_FOUND') === isThere
  })
}

/** Authenticates with a token. */
export function withToken<A extends Api>(stage: Stage<A>, { tokenId, hmac }: Token): Promise<Wire> {
  const password = hmac.toString('base64')
  return stage.open({ user: { name: tokenId, password, mechanism: 'SCRAM-SHA-256', isToken: true } })
}

/** A connection authenticated as another user. */
export function openAs<A extends Api>(stage: Stage<A>, name: string): Promise<Wire> {
  return stage.open({ user: { name, password: `${name}-secret`, mechanism: 'SCRAM-SHA-256' } })
}
